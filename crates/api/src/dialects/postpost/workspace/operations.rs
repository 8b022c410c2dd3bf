//! What the endpoints under `/workspace` take and answer.

use super::super::wire::Done;
use super::{Attached, Key, OneUser, Page, Users};
use crate::openapi::{Doc, Field, ID, Kind, NOT_BLANK, answer};

const TAG: &str = "Workspace";
const USER: &[Field] = &[Field::new("id", Kind::Text, "The _id of a managed user.").form(ID)];
const NOT_MANAGED: (u16, &[&str]) = (404, &["User not found or not managed by this key"]);
const NO_USER_ID: (u16, &[&str]) = (400, &["Invalid userId"]);

pub(super) static LIST: Doc = Doc::new(
    TAG,
    "Lists the users that the key's owner manages",
    &[(200, answer::<Users>)],
);

pub(super) static CREATE: Doc = Doc::new(TAG, "Adds a user to be managed", &[(201, answer::<OneUser>)])
    .body(&[
        Field::new("username", Kind::Text, "An e-mail address.")
            .form(NOT_BLANK)
            .required(),
        Field::new("displayName", Kind::Text, "A name for people; the address unless said."),
    ])
    .errors(&[
        (400, &["Email is required"]),
        (409, &["User with this email already exists"]),
    ]);

pub(super) static ATTACH: Doc = Doc::new(
    TAG,
    "Manages a user that exists and consents",
    &[(200, answer::<Attached>)],
)
.body(&[
    Field::new("email", Kind::Text, "The user's address; username says the same."),
    Field::new("username", Kind::Text, "The user's address."),
    Field::new("userId", Kind::Text, "The user's id, instead of or beside the address.").form(ID),
    Field::new(
        "userAccessToken",
        Kind::Text,
        "The user's consent; attachToken says the same.",
    ),
    Field::new("attachToken", Kind::Text, "The user's consent."),
])
.errors(&[
    (
        400,
        &[
            "Email or userId is required",
            "Invalid email",
            "Invalid userId",
            "Email and userId belong to different users",
            "Cannot attach yourself to your own workspace",
        ],
    ),
    (
        403,
        &[
            "Target user consent token is required",
            "Invalid or expired target user consent token",
            "Consent token belongs to another user",
        ],
    ),
    (404, &["User not found"]),
    (
        409,
        &[
            "Cannot attach a user who owns a workspace",
            "User already belongs to another workspace",
        ],
    ),
]);

pub(super) static DETACH: Doc = Doc::new(
    TAG,
    "Lets a managed user go; the account stays",
    &[(200, answer::<Done>)],
)
.path(USER)
.errors(&[NO_USER_ID, NOT_MANAGED]);

pub(super) static API_KEY: Doc = Doc::new(TAG, "Makes a key for a managed user", &[(200, answer::<Key<'static>>)])
    .words("It replaces the one that was made here before.")
    .path(USER)
    .errors(&[
        (400, &["Invalid userId", "Maximum of 10 active API keys allowed"]),
        (403, &[super::NO_API_ACCESS]),
        NOT_MANAGED,
    ]);

pub(super) static CONNECTION_URL: Doc = Doc::new(
    TAG,
    "Gives the page on which a managed user connects accounts",
    &[(200, answer::<Page>)],
)
.path(USER)
.body(&[
    Field::new(
        "expiresInDays",
        Kind::Integer(1, 366),
        "How long it works; 90 days unless said.",
    ),
    Field::new("rotate", Kind::Flag, "Whether a page that works is replaced."),
])
.errors(&[
    (400, &["Invalid userId", "expiresInDays must be a positive number"]),
    NOT_MANAGED,
]);
