//! What the endpoints about posts take and answer, for the OpenAPI document and the reference page.

use super::error::Refused;
use super::wire::{Created, Done, Fetched, Listed, Logs, Updated};
use super::{media_urls, settings};
use crate::openapi::{About, Doc, Field, ID, Kind, NOT_BLANK, answer};

/// The dialect as its document introduces it.
pub(super) static ABOUT: About = About {
    title: "PostPost",
    words: "The API of PostPost, earlier called Publora. Times are ISO 8601 in UTC, ids are 24 hex digits, and an \
            account is named by its platform, a dash, and the platform's own id. Whatever JavaScript takes for false \
            counts as not given.",
    version: "1.0.0",
    prefix: super::PREFIX,
    key_headers: &super::KEY_HEADERS,
    headers: &[
        Field::new(
            "x-postpost-user-id",
            Kind::Text,
            "Act for this user, whom the key's owner manages.",
        )
        .form("^([0-9a-f]{24})?$"),
        Field::new(
            "x-postpost-client",
            Kind::Text,
            "What is calling; mcp needs a plan that grants it.",
        ),
    ],
    refusals: &[
        (400, &["Invalid x-postpost-user-id"]),
        (
            401,
            &["API key is required", "Invalid API key", "Invalid API key owner"],
        ),
        (
            403,
            &[
                "API access is not enabled for this account",
                "MCP access is not enabled for this account",
                "Workspace access is not enabled for this key",
                "User is not managed by key",
            ],
        ),
        (500, &["Internal server error"]),
    ],
    body_refusals: &[
        (400, &["Invalid JSON body"]),
        (408, &["Request body did not arrive"]),
        (413, &["Request body is too large"]),
    ],
    refusal: answer::<Refused<'static>>,
};

/// The name of a group in a path.
const GROUP: &[Field] = &[Field::new("id", Kind::Text, "The postGroupId.").form(ID)];
/// What makes a repeated request the same request.
pub(super) const IDEMPOTENCY: &[Field] = &[Field::new(
    "Idempotency-Key",
    Kind::Text,
    "Names the request for 24 hours: sent again with the same body it is answered again and done once.",
)];
pub(super) const KEY_CONFLICT: &str = "Idempotency key was already used with a different request body";
/// What a plan may stand in the way with.
const LIMITS: (u16, &[&str]) = (
    403,
    &[
        "Post limit reached",
        "Scheduled post limit reached",
        "Schedule horizon reached",
        "Platform not available",
        "Account over channel limit",
    ],
);
const NO_GROUP: &str = "Post group not found";
const STATUS_WORDS: &[&str] = &["draft", "scheduled", "published", "failed", "partially_published"];

const CONTENT: Field = Field::new("content", Kind::Text, "The text.").form(NOT_BLANK);
const PLATFORMS: Field =
    Field::new("platforms", Kind::Texts(1, 100), "The platformIds to publish to.").form(super::COMPOUND);
const TIME: Field = Field::new("scheduledTime", Kind::Time, "When to publish; a past time means now.");
const SETTINGS: Field = Field::new(
    "platformSettings",
    Kind::Object(settings::TREE),
    "Settings by platform; what is not known is left out.",
);

const COMMENT: &[Field] = &[
    Field::new("text", Kind::Text, "What it says.")
        .form(NOT_BLANK)
        .required(),
    Field::new(
        "platforms",
        Kind::Texts(0, 100),
        "Names of platforms, or platformIds, that get it; all unless said.",
    ),
];

const MEDIA_URLS: Field = Field::new(
    "mediaUrls",
    Kind::Texts(1, 10),
    "Public https URLs of files to publish with the text.",
)
.form("^https://");

pub(super) static CREATE_POST: Doc = Doc::new(
    "Posts",
    "Creates a post for one or more accounts",
    &[(200, answer::<Created>)],
)
.words("Without scheduledTime the post is a draft. A text too long for X becomes a thread.")
.headers(IDEMPOTENCY)
.body(&[
    CONTENT.required(),
    PLATFORMS.required(),
    TIME,
    SETTINGS,
    Field::new(
        "firstComment",
        Kind::Object(COMMENT),
        "A comment under the post where the platform has comments.",
    ),
    MEDIA_URLS,
])
.errors(&[
    (
        400,
        &[
            "Content is required",
            "Platforms are required",
            "Invalid platforms JSON format",
            "Platforms must be an array",
            "At least one platform is required",
            "Invalid platform ID format: …",
            "Platforms must not contain duplicates",
            "Invalid scheduled time format",
            "Invalid platformSettings JSON",
            "platformSettings must be an object",
            "firstComment must be an object with a text",
            "firstComment.platforms must be an array",
            "Media ingestion failed",
        ],
    ),
    LIMITS,
    (422, &[KEY_CONFLICT]),
    (429, media_urls::USED_UP),
    (500, &["Failed to create post group"]),
]);

pub(super) static GET_POST: Doc = Doc::new(
    "Posts",
    "Tells how a post fares, target by target",
    &[(200, answer::<Fetched<'static>>)],
)
.path(GROUP)
.errors(&[(404, &[NO_GROUP]), (500, &["Failed to fetch post group"])]);

pub(super) static UPDATE_POST: Doc = Doc::new(
    "Posts",
    "Changes a draft or a scheduled post",
    &[(200, answer::<Updated<'static>>)],
)
.words(
    "status or scheduledTime is needed. What is not given stays as it is; platforms takes the place of all targets, and \
     mediaUrls adds to the files that are there.",
)
.path(GROUP)
.headers(IDEMPOTENCY)
.body(&[
    Field::new(
        "status",
        Kind::Word(&["draft", "scheduled"]),
        "Makes it a draft, or schedules it.",
    ),
    TIME,
    CONTENT,
    PLATFORMS,
    SETTINGS,
    MEDIA_URLS,
])
.errors(&[
    (
        400,
        &[
            "Either status or scheduledTime must be provided",
            "Status must be either 'draft' or 'scheduled'",
            "Invalid scheduled time format",
            "Content must be a string",
            "Invalid platforms JSON format",
            "At least one platform is required",
            "Invalid platform ID format: …",
            "Platforms must not contain duplicates",
            "platformSettings must be an object",
            "Cannot update post: post is currently in … status",
            "a post may have at most 100 files",
            "Media ingestion failed",
        ],
    ),
    (404, &[NO_GROUP]),
    (422, &[KEY_CONFLICT]),
    (429, media_urls::USED_UP),
    (500, &["Failed to update post"]),
]);

pub(super) static DELETE_POST: Doc = Doc::new(
    "Posts",
    "Deletes a post here; what is live stays live",
    &[(200, answer::<Done>)],
)
.path(GROUP)
.errors(&[(404, &[NO_GROUP]), (500, &["Failed to delete post group"])]);

pub(super) static LIST_POSTS: Doc = Doc::new(
    "Posts",
    "Lists posts, a page at a time",
    &[(200, answer::<Listed<'static>>)],
)
.query(&[
    Field::new("page", Kind::Integer(1, 1_000_000), "Which page, from 1."),
    Field::new("limit", Kind::Integer(1, 100), "How many on a page; 20 unless said."),
    Field::new("status", Kind::Word(STATUS_WORDS), "Only those in this status."),
    Field::new(
        "platform",
        Kind::Text,
        "Only those with a target on the platform of this name.",
    ),
    Field::new(
        "sortBy",
        Kind::Word(&["createdAt", "updatedAt", "scheduledTime"]),
        "createdAt unless said.",
    ),
    Field::new("sortOrder", Kind::Word(&["asc", "desc"]), "desc unless said."),
    Field::new("fromDate", Kind::Time, "Only those scheduled then or later."),
    Field::new("toDate", Kind::Time, "Only those scheduled then or earlier."),
])
.errors(&[
    (
        400,
        &[
            "Invalid status. Must be one of: draft, scheduled, published, failed, partially_published",
            "Invalid sortBy. Must be one of: createdAt, updatedAt, scheduledTime",
            "Invalid fromDate format",
            "Invalid toDate format",
        ],
    ),
    (500, &["Failed to list posts"]),
]);

pub(super) static POST_LOGS: Doc = Doc::new(
    "Posts",
    "Tells the history of a post, oldest first",
    &[(200, answer::<Logs<'static>>)],
)
.words("At most the first 100 entries.")
.path(GROUP)
.errors(&[(404, &[NO_GROUP]), (500, &["Failed to get post logs"])]);
