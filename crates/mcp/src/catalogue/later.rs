//! Tools that later documents of the API add. A server offers those that its settings name.

use axum::http::Method;

use super::{Effect, Field, Spec};

/// See the module.
pub(super) static TOOLS: [Spec; 7] = [
    Spec {
        name: "complete_media",
        about: "Says that the bytes of a file were sent, so that it is looked at now",
        method: Method::POST,
        path: "/complete-media/{mediaId}",
        fields: &[Field::text("mediaId", "The file's id, as get_upload_url gives it").in_path()],
        member: None,
        effect: Effect::Sets,
    },
    Spec {
        name: "delete_media",
        about: "Takes a file away from a post that is not yet published",
        method: Method::DELETE,
        path: "/media/{mediaId}",
        fields: &[Field::text("mediaId", "The file's id, as get_upload_url gives it").in_path()],
        member: None,
        effect: Effect::Removes,
    },
    Spec {
        name: "linkedin_create_reshare",
        about: "Reshares a LinkedIn post, with a comment if there is one",
        method: Method::POST,
        path: "/linkedin-reshare",
        fields: &[
            Field::text(
                "platformId",
                "Id of a LinkedIn connection, as list_connections gives it",
            ),
            Field::text("parent", "URN of the post to reshare, such as urn:li:share:123456"),
            Field::text("commentary", "What to say with it, at most 3000 characters").optional(),
            Field::word("visibility", &["PUBLIC", "CONNECTIONS"], "Who may see it (PUBLIC)").optional(),
        ],
        member: None,
        effect: Effect::Adds,
    },
    Spec {
        name: "linkedin_list_mentionables",
        about: "Lists people that a LinkedIn post can mention",
        method: Method::GET,
        path: "/linkedin-mentionables",
        fields: &[
            Field::text("q", "What their names hold").in_query().optional(),
            Field::number("limit", "At most so many, up to 100 (25)")
                .in_query()
                .optional(),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "post_stats",
        about: "Counts reactions, comments and reposts of up to 50 posts on Mastodon and Bluesky",
        method: Method::POST,
        path: "/post-statistics",
        fields: &[Field::posts(
            "posts",
            "The posts: platform (mastodon or bluesky), platformId as list_connections gives it, postedId as get_post does",
        )],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "profile_stats",
        about: "Counts followers and posts of an account on Mastodon or Bluesky",
        method: Method::POST,
        path: "/profile-statistics",
        fields: &[
            Field::word("platform", &["mastodon", "bluesky"], "The platform"),
            Field::text("platformId", "Id of the connection, as list_connections gives it"),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "attach_media",
        about: "Fetches a file that a chat program hands over and attaches it to a post, which becomes a draft",
        method: Method::POST,
        path: "/attach-media/{postGroupId}",
        fields: &[
            Field::text("postGroupId", "Id of the post group").in_path(),
            Field::file("file", "The file: where it can be fetched, and its id"),
            Field::text("fileName", "A name for it").optional(),
        ],
        member: None,
        effect: Effect::Adds,
    },
];
