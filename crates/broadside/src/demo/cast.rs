//! The accounts of a demonstration: who behaves how, and what must become of a post to them.

use domain::error::ErrorKind;
use domain::platform::Platform;
use sandbox::{Class, Fault, NewSandboxAccount, Rule};
use serde::Serialize;

use crate::admin::view::PostView;
use crate::fixtures::LINKEDIN_SCOPES;
use crate::wiring::platforms;

/// How an account's platform treats its posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Publishes at the first attempt.
    Ok,
    /// Refuses the first publish of each post for good; when a user retries, it succeeds.
    FailsOnce,
    /// The token is refused, and so is the refresh.
    AuthExpired,
    /// Asks for two seconds of patience, then publishes.
    RateLimited,
    /// Answers 503 before anything exists, then publishes.
    ServerErrorThenOk,
    /// Refuses the content.
    RejectsContent,
    /// Publishes, and the answer is lost; looking finds it.
    ReplyLost,
    /// Publishes, and the answer is lost where nobody can look.
    ReplyLostUnknowable,
}

/// An account of the demonstration.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Where.
    pub platform: Platform,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Its name there.
    pub handle: &'static str,
    /// The platform's own id. Fixed, so that a demonstration on the same data finds its accounts again.
    pub remote_id: &'static str,
}

const fn role(platform: Platform, behaviour: Behaviour, handle: &'static str, remote_id: &'static str) -> Role {
    Role {
        platform,
        behaviour,
        handle,
        remote_id,
    }
}

/// Everybody, the well-behaved first.
pub const CAST: &[Role] = &[
    role(Platform::X, Behaviour::Ok, "ada", "1000000000000000001"),
    role(
        Platform::Bluesky,
        Behaviour::Ok,
        "ada.bsky.test",
        "did:plc:demoadaaaaaaaaaaaaaaaaaa",
    ),
    role(Platform::Mastodon, Behaviour::Ok, "ada", "109000000000000001"),
    role(Platform::Telegram, Behaviour::Ok, "ada_channel", "-1001000000001"),
    role(Platform::Instagram, Behaviour::Ok, "ada", "17841400000000001"),
    role(Platform::LinkedIn, Behaviour::Ok, "ada", "AdaDemo001"),
    role(Platform::Facebook, Behaviour::Ok, "ada", "104000000000001"),
    role(Platform::Threads, Behaviour::Ok, "ada", "17841400000000002"),
    role(Platform::X, Behaviour::FailsOnce, "fails_once", "1000000000000000002"),
    role(
        Platform::X,
        Behaviour::AuthExpired,
        "auth_expired",
        "1000000000000000003",
    ),
    role(
        Platform::Telegram,
        Behaviour::RateLimited,
        "rate_limited",
        "-1001000000002",
    ),
    role(
        Platform::Bluesky,
        Behaviour::ServerErrorThenOk,
        "server-error.bsky.test",
        "did:plc:demoservererraaaaaaaaaaa",
    ),
    role(
        Platform::Telegram,
        Behaviour::RejectsContent,
        "rejects_content",
        "-1001000000003",
    ),
    role(Platform::X, Behaviour::ReplyLost, "reply_lost", "1000000000000000004"),
    role(
        Platform::Telegram,
        Behaviour::ReplyLostUnknowable,
        "unknowable",
        "-1001000000004",
    ),
];

/// How many uploads of the account that answers 503 are scripted.
const SCRIPTED_UPLOADS: u32 = 1_000;

impl Role {
    /// The account to make in the sandbox.
    #[must_use]
    pub fn account(&self) -> NewSandboxAccount {
        let mut new = NewSandboxAccount::new(self.platform, self.handle).with_script(self.behaviour.script());
        new.remote_id = Some(self.remote_id.to_owned());
        new.stand_in = !platforms().contains(&self.platform);
        if self.platform == Platform::LinkedIn {
            // So that the API's numbers, reactions and comments have something to show.
            new = new.with_scopes(LINKEDIN_SCOPES);
        }
        new
    }
}

impl Behaviour {
    /// What the sandbox does to the account's requests.
    fn script(self) -> Vec<Rule> {
        match self {
            Self::Ok => Vec::new(),
            Self::FailsOnce => vec![Rule::first_per_text(Class::Create, 1, Fault::RejectContent)],
            Self::AuthExpired => vec![
                Rule::always(Class::Upload, Fault::ExpiredToken),
                Rule::always(Class::Create, Fault::ExpiredToken),
                Rule::always(Class::Refresh, Fault::RefreshRefused),
            ],
            Self::RateLimited => vec![Rule::first_per_text(
                Class::Create,
                1,
                Fault::RateLimit { retry_after_s: 2 },
            )],
            // A 503 to the creating call itself would leave it open whether there is a post, and asking takes its
            // time. An upload is certain: no post can have come of it. Every other one fails, so each post's first.
            Self::ServerErrorThenOk => (1..SCRIPTED_UPLOADS)
                .step_by(2)
                .map(|n| Rule::nth(Class::Upload, n, Fault::ErrorBefore { status: 503 }))
                .collect(),
            Self::RejectsContent => vec![Rule::always(Class::Create, Fault::RejectContent)],
            Self::ReplyLost | Self::ReplyLostUnknowable => vec![Rule::always(Class::Create, Fault::DropAfter)],
        }
    }

    /// Whether a finished post, of which the journal has so many copies, ended as this behaviour says.
    #[must_use]
    pub fn is_met_by(self, post: &PostView, copies: usize) -> bool {
        let kind = post.error.as_ref().map(|error| error.kind);
        match self {
            Self::Ok => post.status == "published" && copies == 1 && post.attempts == 1,
            Self::FailsOnce | Self::RejectsContent => post.status == "failed" && copies == 0 && post.attempts == 1,
            Self::AuthExpired => post.status == "failed" && copies == 0 && kind == Some(ErrorKind::Auth),
            Self::RateLimited | Self::ServerErrorThenOk => {
                post.status == "published" && copies == 1 && post.attempts > 1
            }
            Self::ReplyLost => post.status == "published" && copies == 1,
            Self::ReplyLostUnknowable => post.status == "unconfirmed" && copies == 1,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::FailsOnce => "fails_once",
            Self::AuthExpired => "auth_expired",
            Self::RateLimited => "rate_limited",
            Self::ServerErrorThenOk => "server_error_then_ok",
            Self::RejectsContent => "rejects_content",
            Self::ReplyLost => "reply_lost",
            Self::ReplyLostUnknowable => "reply_lost_unknowable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_behaved_come_first_and_there_is_one_on_each_platform_that_can_be_published_to() {
        let good = CAST.iter().take_while(|role| role.behaviour == Behaviour::Ok).count();
        assert!(CAST[good..].iter().all(|role| role.behaviour != Behaviour::Ok));
        let mut of_cast: Vec<_> = CAST[..good].iter().map(|role| role.platform).collect();
        of_cast.sort_unstable();
        assert_eq!(
            of_cast,
            crate::wiring::platforms(),
            "each platform with a connector has one well-behaved account in CAST"
        );
    }

    #[test]
    fn linkedins_member_may_do_what_the_api_has_endpoints_for() {
        let of_linkedin = CAST.iter().find(|role| role.platform == Platform::LinkedIn).unwrap();
        let granted = of_linkedin.account().scopes.unwrap();
        for needed in [
            "w_member_social_feed",
            "r_member_postAnalytics",
            "r_member_profileAnalytics",
        ] {
            assert!(granted.iter().any(|scope| scope == needed), "{needed}");
        }
    }

    #[test]
    fn nobody_shares_a_remote_id() {
        let ids: std::collections::BTreeSet<_> = CAST.iter().map(|role| role.remote_id).collect();
        assert_eq!(ids.len(), CAST.len());
    }

    #[test]
    fn words_are_those_of_the_serialised_form() {
        for role in CAST {
            assert_eq!(serde_json::to_value(role.behaviour).unwrap(), role.behaviour.word());
        }
    }
}
