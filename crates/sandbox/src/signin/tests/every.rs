//! What holds on every platform, walked through from the table.

use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{BACK, VERIFIER, Visit, parameter, text};
use crate::fault::{Class, Fault, Rule};
use crate::signin::variants::{ALL, ClientAuth, Pkce, Refresh, Variant};
use crate::signin::words::{self, Refusal};
use crate::testing::{Seen, TestWorld, read, see};
use crate::world::later;
use crate::{NewSandboxAccount, RuleSet};

/// Bluesky's requests are signed; it has tests of its own.
fn usual() -> impl Iterator<Item = &'static Variant> {
    ALL.iter().copied().filter(|variant| variant.auth != ClientAuth::Public)
}

fn refused(platform: Platform, why: Refusal) -> (u16, Value) {
    let answer = words::refusal(platform, why);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Bodies of Graph carry a trace of their own.
fn same(seen: &(u16, Value), platform: Platform, why: Refusal) {
    let strip = |mut body: Value| {
        if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
            error.remove("fbtrace_id");
        }
        body
    };
    let wanted = refused(platform, why);
    assert_eq!(
        (seen.0, strip(seen.1.clone())),
        (wanted.0, strip(wanted.1)),
        "{platform} {why:?}"
    );
}

#[tokio::test]
async fn a_code_is_good_for_one_exchange() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let visit = Visit::new(&world, variant.platform);
        let code = visit.code(&[("handle", "ada")]).await;
        let (status, body) = read(visit.exchange(&code)).await;
        assert_eq!(status, 200, "{body}");
        same(&read(visit.exchange(&code)).await, variant.platform, Refusal::UsedCode);
    }
}

#[tokio::test]
async fn a_code_ends_when_its_time_is_over() {
    for variant in usual() {
        let world = TestWorld::new().await;
        let visit = Visit::new(&world, variant.platform);
        let (in_time, late) = (
            visit.code(&[("handle", "ada")]).await,
            visit.code(&[("handle", "ada")]).await,
        );
        world.clock.advance(variant.code_life);
        assert!(text(&read(visit.exchange(&in_time)).await.1, "access_token").len() > 20);
        world.clock.advance(SignedDuration::from_secs(1));
        same(
            &read(visit.exchange(&late)).await,
            variant.platform,
            Refusal::ExpiredCode,
        );
    }
}

#[tokio::test]
async fn a_code_is_for_its_app_its_redirect_address_and_its_verifier() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let platform = variant.platform;
        let visit = Visit::new(&world, platform);
        let code = visit.code(&[("handle", "ada")]).await;
        let form = |back: &'static str, verifier: &'static str| {
            [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", back),
                ("code_verifier", verifier),
            ]
        };
        let seen = read(visit.token_as("somebody", "else", &form(BACK, VERIFIER))).await;
        same(&seen, platform, Refusal::UnknownClient);
        let own = super::app(platform);
        let seen = read(visit.token_as(&own.id, "wrong", &form(BACK, VERIFIER))).await;
        same(&seen, platform, Refusal::WrongSecret);
        let seen = read(visit.token(&form("http://127.0.0.1:7777/callback", VERIFIER))).await;
        same(&seen, platform, Refusal::Redirect);
        if variant.pkce != Pkce::Ignored {
            let seen = read(visit.token(&form(BACK, "another-verifier-of-somebody-else-0123456789"))).await;
            same(&seen, platform, Refusal::Verifier);
        }
        let seen = read(visit.exchange("no-such-code")).await;
        same(&seen, platform, Refusal::UnknownCode);
        // None of these used it up.
        assert_eq!(read(visit.exchange(&code)).await.0, 200);
    }
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_app_with_the_platform_s_own_words() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let back = Visit::new(&world, variant.platform)
            .decide(&[("decision", "deny")])
            .await;
        assert!(
            back.as_str().starts_with("http://127.0.0.1:7777/callback?x=1&"),
            "{back}"
        );
        for (name, value) in variant.denied {
            assert_eq!(parameter(&back, name).as_deref(), Some(*value), "{back}");
        }
        assert_eq!(parameter(&back, "state").as_deref(), Some("st&te"));
        assert_eq!(parameter(&back, "code"), None);
    }
    let linkedin = Visit::new(&world, Platform::LinkedIn)
        .decide(&[("decision", "deny")])
        .await;
    assert_eq!(
        parameter(&linkedin, "error").as_deref(),
        Some("user_cancelled_authorize")
    );
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_on_this_machine_or_for_an_app_that_is_unknown() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let visit = Visit::new(&world, variant.platform);
        for (from, to) in [
            ("http%3A%2F%2F127.0.0.1%3A7777", "https%3A%2F%2Fevil.example"),
            ("redirect_uri=", "other="),
            ("sandbox-", "stranger-"),
        ] {
            let address = visit.authorize().as_str().replace(from, to);
            for request in [
                world.client.get(&address),
                world
                    .client
                    .post(&address)
                    .form(&[("decision", "allow"), ("handle", "ada")]),
            ] {
                let response = request.send().await.unwrap();
                assert_eq!(response.status().as_u16(), 400, "{address}");
                assert!(response.headers().get("location").is_none());
            }
        }
    }
}

#[tokio::test]
async fn the_page_asks_with_the_app_s_name_and_names_every_account_and_scope() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let seed = world
            .sandbox
            .add_account(&NewSandboxAccount::new(variant.platform, "ada"))
            .unwrap();
        let visit = Visit::new(&world, variant.platform);
        let response = world.client.get(visit.authorize()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let page = response.text().await.unwrap();
        for expected in [
            "Broadside",
            variant.platform.name(),
            "ada",
            "value=\"allow\"",
            "value=\"deny\"",
            "<form",
        ] {
            assert!(page.contains(expected), "{}: {expected}", variant.platform);
        }
        let shows_id = page.contains(&format!("value=\"{}\"", seed.remote_id));
        assert!(shows_id, "{}: {page}", variant.platform);
        for scope in &visit.scopes {
            assert!(page.contains(scope), "{scope}");
        }
        assert!(!page.contains("<script"));
    }
}

#[tokio::test]
async fn names_from_outside_cannot_write_into_the_page() {
    let world = TestWorld::new().await;
    let handle = "<script>alert(1)</script>\"";
    world
        .sandbox
        .add_account(&NewSandboxAccount::new(Platform::X, handle))
        .unwrap();
    let page = world.client.get(Visit::new(&world, Platform::X).authorize());
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
}

#[tokio::test]
async fn refresh_tokens_live_and_die_as_the_platform_has_it() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let visit = Visit::new(&world, variant.platform);
        let tokens = visit.tokens(&[("handle", "ada")]).await;
        if variant.refresh == Refresh::None {
            assert!(tokens.get("refresh_token").is_none(), "{tokens}");
            continue;
        }
        if variant.platform == Platform::LinkedIn {
            // None of the scopes was an organization's.
            assert!(tokens.get("refresh_token").is_none(), "{tokens}");
            continue;
        }
        let first = text(&tokens, "refresh_token");
        let (status, again) = read(visit.refresh(&first)).await;
        assert_eq!(status, 200, "{again}");
        assert_ne!(text(&again, "access_token"), text(&tokens, "access_token"));
        let seen = read(visit.refresh(&first)).await;
        match variant.refresh {
            Refresh::Rotating(_) => {
                assert_ne!(text(&again, "refresh_token"), first);
                same(&seen, variant.platform, Refusal::RefreshToken);
            }
            Refresh::Renewed(_) => {
                assert_ne!(text(&again, "refresh_token"), first);
                assert_eq!(seen.0, 200);
            }
            Refresh::Kept(_) => {
                assert!(again.get("refresh_token").is_none());
                assert_eq!(seen.0, 200);
            }
            Refresh::None => unreachable!(),
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_for_the_app_that_got_it_and_ends_with_its_time() {
    for variant in usual() {
        let world = TestWorld::new().await;
        let visit = Visit::new(&world, variant.platform);
        let tokens = visit.tokens(&[("handle", "ada")]).await;
        let Some(refresh) = tokens["refresh_token"].as_str() else {
            continue;
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let seen = read(visit.token_as("stranger", "x", &form)).await;
        same(&seen, variant.platform, Refusal::UnknownClient);
        let (Refresh::Rotating(life) | Refresh::Renewed(life)) = variant.refresh else {
            continue;
        };
        world
            .clock
            .advance_to(later(domain::clock::Clock::now(&world.clock), life));
        let seen = read(visit.refresh(refresh)).await;
        same(&seen, variant.platform, Refusal::RefreshToken);
    }
}

#[tokio::test]
async fn what_was_revoked_is_refused_from_then_on() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let Some(path) = variant.revoke else { continue };
        let visit = Visit::new(&world, variant.platform);
        let tokens = visit.tokens(&[("handle", "ada")]).await;
        let token = tokens.get("refresh_token").unwrap_or(&tokens["access_token"]);
        let own = super::app(variant.platform);
        let form = [
            ("token", token.as_str().unwrap()),
            (variant.client_parameter, &own.id),
            ("client_secret", &own.secret),
        ];
        let request = world.client.post(visit.address(path));
        let request = if variant.auth == ClientAuth::Basic {
            request.basic_auth(&own.id, Some(&own.secret)).form(&form[..1])
        } else {
            request.form(&form)
        };
        let (status, body) = read(request).await;
        assert!(status == 200 || status == 204, "{} {body}", variant.platform);
        let publish = world
            .client
            .post(format!("{}/publish", world.sandbox.stand_in_endpoint(variant.platform)))
            .bearer_auth(text(&tokens, "access_token"))
            .json(&json!({ "text": "x" }));
        assert_eq!(read(publish).await.0, 401, "{}", variant.platform);
        if let Some(refresh) = tokens["refresh_token"].as_str() {
            same(
                &read(visit.refresh(refresh)).await,
                variant.platform,
                Refusal::RefreshToken,
            );
        }
    }
}

#[tokio::test]
async fn tokens_of_a_sign_in_post_and_end_as_they_say() {
    for variant in usual() {
        let world = TestWorld::new().await;
        let visit = Visit::new(&world, variant.platform);
        let tokens = visit.tokens(&[("handle", "ada")]).await;
        let access = text(&tokens, "access_token");
        let publish = |text: &str| {
            let request = world
                .client
                .post(format!("{}/publish", world.sandbox.stand_in_endpoint(variant.platform)));
            read(request.bearer_auth(&access).json(&json!({ "text": text })))
        };
        assert_eq!(publish("one").await.0, 201, "{}", variant.platform);
        let Some(life) = variant.access_life else { continue };
        if let Some(says) = tokens["expires_in"].as_i64() {
            assert_eq!(says, life.as_secs());
        }
        world.clock.advance(life);
        assert_eq!(publish("two").await.0, 401, "{}", variant.platform);
        assert_eq!(world.published(variant.platform).len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_rotated_token_spent() {
    let world = TestWorld::new().await;
    for variant in usual().filter(|variant| matches!(variant.refresh, Refresh::Rotating(_))) {
        let visit = Visit::new(&world, variant.platform);
        let tokens = visit.tokens(&[("handle", "ada")]).await;
        let refresh = text(&tokens, "refresh_token");
        let rules = vec![
            Rule::nth(Class::Refresh, 1, Fault::DropBefore),
            Rule::nth(Class::Refresh, 2, Fault::DropAfter),
        ];
        let rules = RuleSet {
            platform: Some(variant.platform),
            rules,
            ..RuleSet::default()
        };
        world.sandbox.add_rules(rules).unwrap();
        assert_eq!(see(visit.refresh(&refresh)).await, Seen::NoAnswer);
        assert_eq!(see(visit.refresh(&refresh)).await, Seen::NoAnswer);
        same(
            &read(visit.refresh(&refresh)).await,
            variant.platform,
            Refusal::RefreshToken,
        );
    }
}

#[tokio::test]
async fn the_journal_has_every_request_and_no_secret() {
    let world = TestWorld::new().await;
    for variant in usual() {
        let visit = Visit::new(&world, variant.platform);
        world.client.get(visit.authorize()).send().await.unwrap();
        visit.tokens(&[("handle", "ada")]).await;
        let lines = world.sandbox.requests(0, 1_000);
        let own: Vec<_> = lines.iter().filter(|line| line.platform == variant.platform).collect();
        assert_eq!(own.len(), 3, "{own:?}");
        assert!(
            own.iter()
                .all(|line| line.class == Class::Refresh && !line.path.contains('?')),
            "{own:?}"
        );
        assert!(own.iter().skip(1).all(|line| line.account.is_some()), "{own:?}");
    }
}
