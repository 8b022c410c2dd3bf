//! What LinkedIn's endpoints take and answer, for the OpenAPI document and the reference page.

use serde_json::{Map, Value};

use crate::openapi::{Doc, Field, Kind, NOT_BLANK, answer};

const TAG: &str = "LinkedIn";
/// An object whose numbers are LinkedIn's.
type Any = Map<String, Value>;

const METRICS: &[&str] = &["IMPRESSION", "MEMBERS_REACHED", "RESHARE", "REACTION", "COMMENT"];
const DATE: &[Field] = &[
    Field::new("year", Kind::Integer(2_000, 2_100), "The year.").required(),
    Field::new("month", Kind::Integer(1, 12), "The month.").required(),
    Field::new("day", Kind::Integer(1, 31), "The day.").required(),
];
const RANGE: Field = Field::new(
    "dateRange",
    Kind::Object(&[
        Field::new("start", Kind::Object(DATE), "The first day.").required(),
        Field::new("end", Kind::Object(DATE), "The day after the last.").required(),
    ]),
    "Only these days.",
);
const PLATFORM_ID: Field = Field::new("platformId", Kind::Text, "The connection, as linkedin- and its id.")
    .form("^linkedin-[!-~]+$")
    .required();
const POSTED_ID: Field = Field::new(
    "postedId",
    Kind::Text,
    "The post's URN: a share, a ugcPost or an activity.",
)
.form("^urn:li:(share|ugcPost|activity):[0-9]+$")
.required();
const ONE: Field = Field::new("queryType", Kind::Word(METRICS), "One metric.");
const MANY: Field = Field::new(
    "queryTypes",
    Kind::Words(1, 5, METRICS),
    "Several metrics; the text ALL for all of them.",
);
const NOBODY: (u16, &[&str]) = (404, &["LinkedIn connection not found"]);
/// LinkedIn takes no more calls now: its status is passed on.
const BUSY: (u16, &[&str]) = (429, &["Failed to …"]);
const NO_ID: (u16, &[&str]) = (
    400,
    &[
        "platformId is required",
        "platformId must be a string",
        "Invalid platformId",
    ],
);
const NO_METRIC: (u16, &[&str]) = (
    400,
    &[
        "queryType or queryTypes is required",
        "Invalid queryType",
        "Invalid queryTypes",
    ],
);

pub(super) static OF_POST: Doc = Doc::new(TAG, "Tells the numbers of a post", &[(200, answer::<Any>)])
    .words("Numbers are remembered for half an hour. One that failed is null and named among the errors.")
    .body(&[POSTED_ID, PLATFORM_ID, ONE, MANY])
    .errors(&[
        NO_METRIC,
        NOBODY,
        BUSY,
        (
            500,
            &[
                "Failed to fetch metric from LinkedIn",
                "Failed to fetch LinkedIn post statistics",
            ],
        ),
    ]);

pub(super) static OF_ACCOUNT: Doc = Doc::new(
    TAG,
    "Tells the numbers of all posts of an account",
    &[(200, answer::<Any>)],
)
.body(&[
    PLATFORM_ID,
    ONE,
    MANY,
    Field::new(
        "aggregation",
        Kind::Word(&["TOTAL", "DAILY"]),
        "In total, or day by day.",
    ),
    RANGE,
])
.errors(&[
    NO_METRIC,
    NOBODY,
    BUSY,
    (500, &["Failed to fetch metric from LinkedIn"]),
]);

pub(super) static FOLLOWERS: Doc = Doc::new(TAG, "Tells how many follow an account", &[(200, answer::<Any>)])
    .body(&[
        PLATFORM_ID,
        Field::new(
            "period",
            Kind::Word(&["lifetime", "daily"]),
            "All of them, or the growth of days.",
        ),
        RANGE,
    ])
    .errors(&[
        NO_ID,
        NOBODY,
        BUSY,
        (500, &["Failed to fetch LinkedIn followers statistics"]),
    ]);

pub(super) static SUMMARY: Doc = Doc::new(TAG, "Tells an account's numbers at a glance", &[(200, answer::<Any>)])
    .words("A number that failed is null and named among the errors.")
    .body(&[PLATFORM_ID, RANGE])
    .errors(&[NO_ID, NOBODY, BUSY, (502, &["Failed to fetch LinkedIn profile data"])]);

pub(super) static REACT: Doc = Doc::new(TAG, "Reacts to a post", &[(201, answer::<Any>)])
    .words("Sent once: when LinkedIn's answer was lost, details.outcome is unknown.")
    .body(&[
        POSTED_ID,
        Field::new(
            "reactionType",
            Kind::Word(&["LIKE", "PRAISE", "EMPATHY", "INTEREST", "APPRECIATION", "ENTERTAINMENT"]),
            "The reaction.",
        )
        .required(),
        PLATFORM_ID,
    ])
    .errors(&[
        (400, &["postedId, reactionType, and platformId are required"]),
        NOBODY,
        BUSY,
        (409, &["REACTION_ALREADY_EXISTS"]),
        (500, &["Failed to create LinkedIn reaction"]),
    ]);

pub(super) static UNREACT: Doc = Doc::new(TAG, "Takes a reaction back", &[(200, answer::<Any>)])
    .words("The fields may stand in the query instead.")
    .body(&[POSTED_ID, PLATFORM_ID])
    .errors(&[
        (400, &["postedId and platformId are required"]),
        NOBODY,
        BUSY,
        (500, &["Failed to delete LinkedIn reaction"]),
    ]);

pub(super) static COMMENT: Doc = Doc::new(TAG, "Comments on a post", &[(201, answer::<Any>)])
    .words("Sent once: when LinkedIn's answer was lost, details says that the comment may be there.")
    .body(&[
        POSTED_ID,
        Field::new("message", Kind::Text, "The text, at most 1,250 characters.")
            .form(NOT_BLANK)
            .required(),
        PLATFORM_ID,
        Field::new("parentComment", Kind::Text, "The URN of the comment to answer.")
            .form(r"^(urn:li:comment:\(urn:li:(share|ugcPost|activity):[0-9]+,[0-9]+\)|urn:li:(share|ugcPost|activity):[0-9]+)$"),
    ])
    .errors(&[
        (
            400,
            &[
                "postedId, message, and platformId are required",
                "message cannot be empty",
                "message cannot exceed 1250 characters",
                "parentComment must be a valid LinkedIn URN",
            ],
        ),
        NOBODY,
        BUSY,
        (500, &["Failed to create LinkedIn comment"]),
    ]);

pub(super) static UNCOMMENT: Doc = Doc::new(TAG, "Deletes a comment", &[(200, answer::<Any>)])
    .words("The fields may stand in the query instead.")
    .body(&[
        POSTED_ID,
        Field::new("commentId", Kind::Text, "The comment's URN or number.")
            .form(r"^([0-9]+|urn:li:comment:\(urn:li:(share|ugcPost|activity):[0-9]+,[0-9]+\))$")
            .required(),
        PLATFORM_ID,
    ])
    .errors(&[
        (
            400,
            &[
                "postedId, commentId, and platformId are required",
                "commentId must be a valid LinkedIn URN or numeric ID",
            ],
        ),
        NOBODY,
        BUSY,
        (500, &["Failed to delete LinkedIn comment"]),
    ]);

pub(super) static RESHARE: Doc = Doc::new(TAG, "Shares a post again", &[(201, answer::<Any>)])
    .body(&[
        PLATFORM_ID,
        Field::new("parent", Kind::Text, "The URN of a share or ugcPost.")
            .form("^urn:li:(share|ugcPost):[0-9]+$")
            .required(),
        Field::new(
            "commentary",
            Kind::Text,
            "What is said about it, at most 3,000 characters.",
        ),
        Field::new("visibility", Kind::Word(&["PUBLIC", "CONNECTIONS"]), "Who sees it."),
    ])
    .errors(&[
        (400, &["platformId and parent are required"]),
        (401, &["LINKEDIN_TOKEN_EXPIRED"]),
        NOBODY,
        BUSY,
        (500, &["Failed to create LinkedIn reshare"]),
    ]);

pub(super) static MENTIONABLES: Doc = Doc::new(TAG, "Lists whom a text can mention", &[(200, answer::<Any>)])
    .words("The members whose connections are within reach: LinkedIn lets no app search its members.")
    .query(&[
        Field::new("q", Kind::Text, "A piece of the name."),
        Field::new(
            "limit",
            Kind::Integer(1, 100),
            "How many at most; 25 when it is not said.",
        ),
    ]);
