//! What the endpoints that manage receivers take and answer.

use super::routes::{Listed, One, Renewed};
use crate::dialects::postpost::wire::Done;
use crate::openapi::{Doc, Field, Kind, NOT_BLANK, answer};

const TAG: &str = "Webhooks";
const WEBHOOK: &[Field] = &[Field::new("id", Kind::Text, "The _id of a webhook.")];
const NOT_FOUND: (u16, &[&str]) = (404, &["Webhook not found"]);

const NAME: Field = Field::new("name", Kind::Text, "A name for people.").form(NOT_BLANK);
const URL: Field =
    Field::new("url", Kind::Text, "Where messages are sent: http or https, and public.").form("^https?://");
/// The events that can be listened to.
const EVENT_WORDS: &[&str] = &["post.scheduled", "post.published", "post.failed", "token.expiring"];
const EVENTS: Field = Field::new("events", Kind::Words(1, 10, EVENT_WORDS), "Which events it is told of.");
/// What is wrong with an address or with events.
const JUDGED: &[&str] = &[
    "Invalid URL format",
    "URL must use HTTPS",
    "Localhost URLs are not allowed",
    "Private IP addresses are not allowed",
    "Link-local addresses are not allowed",
    "Cloud metadata endpoints are not allowed",
    "Invalid events: …",
];

pub(super) static LIST: Doc = Doc::new(TAG, "Lists the webhooks", &[(200, answer::<Listed<'static>>)])
    .errors(&[(500, &["Failed to list webhooks"])]);

pub(super) static CREATE: Doc = Doc::new(TAG, "Adds a webhook", &[(201, answer::<One<'static>>)])
    .words("Its secret is shown here and after it was renewed, and never else.")
    .body(&[NAME.required(), URL.required(), EVENTS.required()])
    .errors(&[
        (
            400,
            &[
                "Name, URL, and at least one event are required",
                "Maximum of 10 webhooks per user",
            ],
        ),
        (400, JUDGED),
        (500, &["Failed to create webhook"]),
    ]);

pub(super) static UPDATE: Doc = Doc::new(TAG, "Changes a webhook", &[(200, answer::<One<'static>>)])
    .words("What is not given stays as it is.")
    .path(WEBHOOK)
    .body(&[
        NAME,
        URL,
        EVENTS,
        Field::new("isActive", Kind::Flag, "Whether messages are sent."),
    ])
    .errors(&[(400, JUDGED), NOT_FOUND, (500, &["Failed to update webhook"])]);

pub(super) static REMOVE: Doc = Doc::new(TAG, "Removes a webhook", &[(200, answer::<Done>)])
    .path(WEBHOOK)
    .errors(&[NOT_FOUND, (500, &["Failed to delete webhook"])]);

pub(super) static REGENERATE: Doc = Doc::new(
    TAG,
    "Gives a webhook a new secret",
    &[(200, answer::<Renewed<'static>>)],
)
.words("The old one is worth nothing from then on.")
.path(WEBHOOK)
.errors(&[NOT_FOUND, (500, &["Failed to regenerate secret"])]);

#[cfg(test)]
mod tests {
    use super::super::outgoing;
    use super::*;

    #[test]
    fn the_document_names_every_event() {
        let told: Vec<_> = outgoing::EVENTS.iter().map(|(word, _)| *word).collect();
        assert_eq!(told, EVENT_WORDS);
    }
}
