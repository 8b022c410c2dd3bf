//! The eighteen tools of early 2026, in the order in which the original lists them.

use axum::http::Method;

use super::{Effect, Field, Spec};

const GROUP: Field = Field::text(
    "postGroupId",
    "Id of the post group, as create_post and list_posts give it",
)
.in_path();
const LINKEDIN: Field = Field::text(
    "platformId",
    "Id of a LinkedIn connection, as list_connections gives it, such as linkedin-Tz9W5i6ZYG",
);
const POSTED: Field = Field::text("postedId", "URN of the LinkedIn post, such as urn:li:share:123456");
const METRICS: Field = Field::texts(
    "queryTypes",
    "What to count: any of IMPRESSION, MEMBERS_REACHED, RESHARE, REACTION, COMMENT",
)
.optional();

/// See the module.
pub(super) static TOOLS: [Spec; 18] = [
    Spec {
        name: "list_connections",
        about: "Lists the connected social accounts. Their platformId is what other tools take",
        method: Method::GET,
        path: "/platform-connections",
        fields: &[],
        member: Some("connections"),
        effect: Effect::Reads,
    },
    Spec {
        name: "create_post",
        about: "Schedules a post to one or several connected accounts. A time that has passed publishes at once",
        method: Method::POST,
        path: "/create-post",
        fields: &[
            Field::text("content", "The text of the post"),
            Field::texts(
                "platforms",
                "Where to: platformId values exactly as list_connections gives them, such as twitter-123456789",
            ),
            Field::text(
                "scheduledTime",
                "When to publish, in ISO 8601, such as 2027-03-01T12:00:00Z",
            ),
        ],
        member: None,
        effect: Effect::Adds,
    },
    Spec {
        name: "get_post",
        about: "Shows a post group: what became of the post on each platform, and why if it failed",
        method: Method::GET,
        path: "/get-post/{postGroupId}",
        fields: &[GROUP],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "update_post",
        about: "Moves a post group that is not yet published to another time, makes it a draft, or schedules a draft",
        method: Method::PUT,
        path: "/update-post/{postGroupId}",
        fields: &[
            GROUP,
            Field::word("status", &["draft", "scheduled"], "What it is to be").optional(),
            Field::text("scheduledTime", "When to publish, in ISO 8601").optional(),
        ],
        member: None,
        effect: Effect::Sets,
    },
    Spec {
        name: "delete_post",
        about: "Deletes a post group here. What is already published stays on its platforms",
        method: Method::DELETE,
        path: "/delete-post/{postGroupId}",
        fields: &[GROUP],
        member: None,
        effect: Effect::Removes,
    },
    Spec {
        name: "get_upload_url",
        about: "Gives an address to which the bytes of an image or a video are sent with PUT; it then belongs to the post",
        method: Method::POST,
        path: "/get-upload-url",
        fields: &[
            Field::text("postGroupId", "Id of the post group that the file is for"),
            Field::text("fileName", "The file's name, such as photo.jpg"),
            Field::text("contentType", "The file's media type, such as image/jpeg or video/mp4"),
            Field::word("type", &["image", "video"], "What the file is"),
        ],
        member: None,
        effect: Effect::Adds,
    },
    Spec {
        name: "list_workspace_users",
        about: "Lists the users that this account manages",
        method: Method::GET,
        path: "/workspace/users",
        fields: &[],
        member: Some("users"),
        effect: Effect::Reads,
    },
    Spec {
        name: "create_workspace_user",
        about: "Adds a user that this account manages",
        method: Method::POST,
        path: "/workspace/users",
        fields: &[
            Field::text("username", "The user's e-mail address"),
            Field::text("displayName", "The name to show; without one the e-mail address").optional(),
        ],
        member: Some("user"),
        effect: Effect::Adds,
    },
    Spec {
        name: "linkedin_post_stats",
        about: "Counts impressions, reactions, comments and reshares of a LinkedIn post",
        method: Method::POST,
        path: "/linkedin-post-statistics",
        fields: &[POSTED, LINKEDIN, METRICS],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "linkedin_account_stats",
        about: "Counts impressions, reactions, comments and reshares of all posts of a LinkedIn account",
        method: Method::POST,
        path: "/linkedin-account-statistics",
        fields: &[
            LINKEDIN,
            METRICS,
            Field::word(
                "aggregation",
                &["DAILY", "TOTAL"],
                "A number a day, or one for all (TOTAL)",
            )
            .optional(),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "list_posts",
        about: "Lists post groups, the newest first unless told otherwise",
        method: Method::GET,
        path: "/list-posts",
        fields: &[
            Field::word(
                "status",
                &["draft", "scheduled", "published", "failed", "partially_published"],
                "Only groups in this state",
            )
            .in_query()
            .optional(),
            Field::text(
                "platform",
                "Only groups with a target on this platform, such as linkedin or twitter",
            )
            .in_query()
            .optional(),
            Field::text("fromDate", "Only groups planned for this ISO 8601 instant or later")
                .in_query()
                .optional(),
            Field::text("toDate", "Only groups planned for this ISO 8601 instant or earlier")
                .in_query()
                .optional(),
            Field::number("page", "Which page, from 1 (1)").in_query().optional(),
            Field::number("limit", "Groups a page, at most 100 (20)")
                .in_query()
                .optional(),
            Field::word(
                "sortBy",
                &["createdAt", "updatedAt", "scheduledTime"],
                "What to sort by (createdAt)",
            )
            .in_query()
            .optional(),
            Field::word("sortOrder", &["asc", "desc"], "Which way to sort (desc)")
                .in_query()
                .optional(),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "linkedin_followers",
        about: "Counts the followers of a LinkedIn account, or how many it gained each day",
        method: Method::POST,
        path: "/linkedin-followers",
        fields: &[
            LINKEDIN,
            Field::word(
                "period",
                &["lifetime", "daily"],
                "All followers, or the growth of each day (lifetime)",
            )
            .optional(),
            Field::dates("dateRange", "The first and the last day; required for daily").optional(),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "linkedin_profile_summary",
        about: "Sums a LinkedIn account up: followers, and the numbers of all its posts",
        method: Method::POST,
        path: "/linkedin-profile-summary",
        fields: &[
            LINKEDIN,
            Field::dates("dateRange", "The first and the last day").optional(),
        ],
        member: None,
        effect: Effect::Reads,
    },
    Spec {
        name: "linkedin_create_reaction",
        about: "Reacts to a LinkedIn post",
        method: Method::POST,
        path: "/linkedin-reactions",
        fields: &[
            POSTED,
            LINKEDIN,
            Field::word(
                "reactionType",
                &["LIKE", "PRAISE", "EMPATHY", "INTEREST", "APPRECIATION", "ENTERTAINMENT"],
                "Which reaction",
            ),
        ],
        member: None,
        effect: Effect::Adds,
    },
    Spec {
        name: "linkedin_delete_reaction",
        about: "Takes this account's reaction to a LinkedIn post back",
        method: Method::DELETE,
        path: "/linkedin-reactions",
        fields: &[POSTED, LINKEDIN],
        member: None,
        effect: Effect::Removes,
    },
    Spec {
        name: "workspace_detach_user",
        about: "Lets go of a user that this account manages. The user's own account stays",
        method: Method::DELETE,
        path: "/workspace/users/{userId}",
        fields: &[Field::text("userId", "The user's _id, as list_workspace_users gives it").in_path()],
        member: None,
        effect: Effect::Removes,
    },
    Spec {
        name: "linkedin_create_comment",
        about: "Comments on a LinkedIn post, or answers a comment",
        method: Method::POST,
        path: "/linkedin-comments",
        fields: &[
            POSTED,
            LINKEDIN,
            Field::text("message", "The comment, at most 1250 characters"),
            Field::text("parentComment", "URN of the comment to answer").optional(),
        ],
        member: None,
        effect: Effect::Adds,
    },
    Spec {
        name: "linkedin_delete_comment",
        about: "Deletes a comment of this account on a LinkedIn post",
        method: Method::DELETE,
        path: "/linkedin-comments",
        fields: &[
            POSTED,
            Field::text("commentId", "URN or number of the comment"),
            LINKEDIN,
        ],
        member: None,
        effect: Effect::Removes,
    },
];
