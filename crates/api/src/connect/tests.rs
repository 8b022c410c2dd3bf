use domain::account::Account;
use domain::log::LogKind;
use domain::platform::Platform;
use engine::Reach;
use engine::accounts::MakeLink;
use jiff::SignedDuration;

use super::testing::{Browser, assert_usable_by_keyboard};
use crate::testing::Door;

async fn accounts(door: &Door) -> Vec<Account> {
    door.engine.accounts(&Reach { owner: door.owner.id }).await.unwrap()
}

async fn account_of(door: &Door, platform: Platform) -> Account {
    accounts(door)
        .await
        .into_iter()
        .find(|account| account.platform == platform)
        .unwrap()
}

#[tokio::test]
async fn every_page_is_used_by_keyboard_alone_and_without_script() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let x = account_of(&door, Platform::X).await;
    let state = browser.begin(&[("platform", "facebook")]).await;
    let choose = browser.back(&state, "code=good").await.header("location");
    let pages = [
        browser.page().await,
        browser.below("/start?platform=mastodon").await,
        browser.below("/start?platform=telegram").await,
        browser
            .post("/start", &[("platform", "telegram"), ("by", "credentials")])
            .await,
        browser.below(&format!("/disconnect?account={}", x.id)).await,
        browser.get(&choose).await,
        browser.get("/connect/nonsense").await,
        browser.back("nonsense", "code=good").await,
        browser.post("/start", &[("platform", "nowhere")]).await,
        browser.post_with("/connect/callback", &[], &[]).await,
    ];
    let mut titles = Vec::new();
    for page in &pages {
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_usable_by_keyboard(&page.body);
        titles.push(page.body.split("<title>").nth(1).unwrap().split('<').next().unwrap());
    }
    let distinct: std::collections::BTreeSet<_> = titles.iter().collect();
    assert!(distinct.len() >= 8, "titles tell where one is: {titles:?}");
}

#[tokio::test]
async fn every_answer_forbids_scripts_frames_referrers_and_copies() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let answers = [
        browser.page().await,
        browser.get("/connect/nonsense").await,
        browser.get("/connect/callback").await,
        browser.post("/start", &[("platform", "x")]).await,
        browser.post("/start", &[]).await,
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn the_page_lists_accounts_with_their_health_what_is_ready_and_why_the_rest_is_not() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let page = browser.page().await.body;
    for text in [
        "ada@example.com",
        "Ready to publish",
        "none yet",
        "Connect X",
        "Connect Mastodon",
        "Not available yet",
        "https://developers.tiktok.example",
        "16 March 2026, 09:00 UTC",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Connect TikTok"));
    assert!(!page.contains("Connect LinkedIn"), "it has no sign-in here");
}

#[tokio::test]
async fn an_account_is_connected_by_one_button_and_the_way_back() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    let answer = browser.back(&state, "code=good").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = browser.get(&answer.header("location")).await;
    assert!(page.body.contains("@grace on X is connected."), "{}", page.body);
    assert!(
        accounts(&door)
            .await
            .iter()
            .any(|account| account.identity.remote_id == "1000")
    );
}

#[tokio::test]
async fn a_full_plan_takes_no_more_accounts_but_those_that_it_has() {
    let door = Door::open().await;
    let mut plan = door.owner.plan.clone();
    plan.connections = Some(3);
    door.engine.set_plan(door.owner.id, plan).await.unwrap();
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    let answer = browser.back(&state, "code=good").await;
    assert!(answer.body.contains("allows 3 connected accounts"), "{}", answer.body);
    door.connect(Platform::X, "123456789", None).await;
}

#[tokio::test]
async fn what_was_not_granted_is_said_at_once() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    let answer = browser.back(&state, "code=poor").await;
    let page = browser.get(&answer.header("location")).await;
    assert!(
        page.body.contains("@grace on X is connected, but something is missing"),
        "{}",
        page.body
    );
    assert!(page.body.contains("The permission “tweet.write” was not granted."));
}

#[tokio::test]
async fn a_server_is_asked_for_first_and_a_wrong_one_can_be_corrected() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let empty = browser
        .post(
            "/start",
            &[("platform", "mastodon"), ("by", "browser"), ("server", " ")],
        )
        .await;
    assert_eq!(empty.status, 422);
    assert!(empty.body.contains("“Your server” is needed.") && empty.body.contains("aria-invalid"));
    let down = browser
        .post("/start", &[("platform", "mastodon"), ("server", "down.example")])
        .await;
    assert_eq!(down.status, 422);
    assert!(down.body.contains("That server does not answer") && down.body.contains("value=\"down.example\""));
    let state = browser
        .begin(&[("platform", "mastodon"), ("server", "social.example")])
        .await;
    assert_eq!(browser.back(&state, "code=good").await.status, 303);
}

#[tokio::test]
async fn a_secret_that_was_refused_is_not_sent_back_and_the_rest_is() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let fields = [
        ("platform", "telegram"),
        ("by", "credentials"),
        ("token", "bad-s3cret"),
        ("identifier", "@ours"),
    ];
    let refused = browser.post("/start", &fields).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("That token is not known") && refused.body.contains("value=\"@ours\""));
    assert!(!refused.body.contains("bad-s3cret"));
    let good = [
        ("platform", "telegram"),
        ("token", "good-token"),
        ("identifier", "@ours"),
    ];
    let answer = browser.post("/start", &good).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        browser
            .get(&answer.header("location"))
            .await
            .body
            .contains("@channel on Telegram is connected.")
    );
}

#[tokio::test]
async fn one_of_several_pages_is_chosen_and_a_choice_is_made_once() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "facebook")]).await;
    let choose = browser.back(&state, "code=good").await.header("location");
    let page = browser.get(&choose).await;
    assert!(
        page.body.contains("Which page is to be connected?") && page.body.contains("Café &#38; Bar"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("s3cret-access"));
    let nothing = browser.post_with(&choose, &[], &[]).await;
    assert_eq!(nothing.status, 422);
    let foreign = browser.post_with(&choose, &[("choice", "9")], &[]).await;
    assert_eq!(foreign.status, 422);
    let chosen = browser.post_with(&choose, &[("choice", "8")], &[]).await;
    assert_eq!(chosen.status, 303, "{}", chosen.body);
    let account = account_of(&door, Platform::Facebook).await;
    assert_eq!(account.identity.username, "Café & Bar");
    let again = browser.post_with(&choose, &[("choice", "7")], &[]).await;
    assert_eq!(again.status, 410);
    // The rest is offered without another sign-in.
    let rest = chosen.header("location");
    let page = browser.get(&rest).await;
    assert!(
        page.body
            .contains("Café &#38; Bar on Facebook is connected. Choose another one"),
        "{}",
        page.body
    );
    assert!(page.body.contains("Bakery") && !page.body.contains("value=\"8\""));
    assert_usable_by_keyboard(&page.body);
    let rest = rest.split('?').next().unwrap();
    let last = browser.post_with(rest, &[("choice", "7")], &[]).await;
    let page = browser.get(&last.header("location")).await;
    assert!(page.body.contains("Bakery on Facebook is connected."), "{}", page.body);
}

#[tokio::test]
async fn a_sign_in_ends_where_its_page_was_made_for_and_nowhere_else() {
    let door = Door::open().await;
    let make = MakeLink {
        return_to: Some("https://app.example/done?tab=1".to_owned()),
        ..MakeLink::default()
    };
    let browser = Browser::with_link(&door, make).await;
    browser.page().await;
    let elsewhere = [("platform", "x"), ("return_to", "https://evil.example/")];
    let state = browser.begin(&elsewhere).await;
    let answer = browser
        .back(&state, "code=good&return_to=https%3A%2F%2Fevil.example%2F")
        .await;
    assert_eq!(
        (answer.status, answer.header("location").as_str()),
        (
            303,
            "https://app.example/done?tab=1&status=connected&platform=x&username=grace"
        )
    );
    let state = browser.begin(&elsewhere).await;
    let denied = browser.back(&state, "error=access_denied").await;
    assert_eq!(
        denied.header("location"),
        "https://app.example/done?tab=1&status=denied&platform=x&reason=oauth_denied"
    );
    let replayed = browser.back(&state, "code=good").await;
    assert_eq!((replayed.status, replayed.header("location").as_str()), (409, ""));
}

#[tokio::test]
async fn no_is_an_answer_and_leads_back_to_the_page() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    let denied = browser
        .back(&state, "error=access_denied&error_description=%3Cscript%3E")
        .await;
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("You did not allow it"));
    assert!(denied.body.contains(&format!("href=\"/connect/{}\"", browser.token)));
    assert!(!denied.body.contains("<script"));
}

#[tokio::test]
async fn a_state_is_good_once_for_half_an_hour_and_unchanged() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    assert_eq!(browser.back(&format!("{state}0"), "code=good").await.status, 404);
    assert_eq!(browser.get("/connect/callback?code=good").await.status, 404);
    assert_eq!(browser.back(&state, "code=good").await.status, 303);
    let replayed = browser.back(&state, "code=good").await;
    assert_eq!(replayed.status, 409);
    assert!(replayed.body.contains("done already"));
    let late = browser.begin(&[("platform", "x")]).await;
    door.clock.advance(SignedDuration::from_mins(31));
    let expired = browser.back(&late, "code=good").await;
    assert_eq!(expired.status, 410);
    assert!(expired.body.contains("took too long"));
}

#[tokio::test]
async fn a_sign_in_that_comes_back_in_another_browser_is_stopped_and_written_down() {
    let door = Door::open().await;
    let attacker = Browser::on_page(&door).await;
    let state = attacker.begin(&[("platform", "x")]).await;
    let victim = attacker.another();
    let stopped = victim.back(&state, "code=ben").await;
    assert_eq!(stopped.status, 403);
    assert!(stopped.body.contains("begun elsewhere"));
    assert!(
        !stopped.body.contains(&attacker.token),
        "a stranger is not led to the page"
    );
    assert!(
        accounts(&door)
            .await
            .iter()
            .all(|account| account.identity.remote_id != "2000")
    );
    let reach = Reach { owner: door.owner.id };
    let log = door.engine.recent_log(&reach, 10).await.unwrap();
    let entry = log
        .iter()
        .find(|record| record.entry.kind == LogKind::ConnectFailed)
        .unwrap();
    assert_eq!(entry.entry.data["reason"], "state_foreign");
    assert_eq!(
        attacker.back(&state, "code=ben").await.status,
        409,
        "and it is good for nothing more"
    );
}

#[tokio::test]
async fn no_other_site_can_press_the_buttons() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let x = account_of(&door, Platform::X).await;
    let (start, disconnect) = (
        format!("/connect/{}/start", browser.token),
        format!("/connect/{}/disconnect", browser.token),
    );
    let id = x.id.to_string();
    let forms: [(&str, &[(&str, &str)]); 2] = [(&start, &[("platform", "x")]), (&disconnect, &[("account", &id)])];
    for (path, form) in forms {
        // Another site's form, in the browser that has the page open, and in one that never saw it.
        let forged = browser.post_with(path, form, &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(forged.status, 403, "{}", forged.body);
        assert!(forged.body.contains("did not come from the page"));
        let without_cookie = browser.another().post_with(path, form, &[]).await;
        assert_eq!(without_cookie.status, 403);
    }
    assert!(accounts(&door).await.iter().any(|account| account.id == x.id));
}

#[tokio::test]
async fn the_cookie_is_for_these_pages_alone_and_no_script_reads_it() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let cookie = browser.page().await.header("set-cookie");
    assert!(
        cookie.contains("; Path=/connect; ") && cookie.contains("; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
}

#[tokio::test]
async fn an_account_is_let_go_only_after_a_question() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let x = account_of(&door, Platform::X).await;
    let asked = browser.below(&format!("/disconnect?account={}", x.id)).await;
    assert!(
        asked.body.contains("Disconnect @ada on X?") && asked.body.contains("Keep it"),
        "{}",
        asked.body
    );
    assert!(accounts(&door).await.iter().any(|account| account.id == x.id));
    let done = browser.post("/disconnect", &[("account", &x.id.to_string())]).await;
    assert_eq!(done.status, 303);
    assert!(accounts(&door).await.iter().all(|account| account.id != x.id));
    assert!(
        browser
            .get(&done.header("location"))
            .await
            .body
            .contains("The X account is disconnected.")
    );
    let again = browser.post("/disconnect", &[("account", &x.id.to_string())]).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn reconnecting_keeps_the_account_and_takes_no_other() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let state = browser.begin(&[("platform", "x")]).await;
    browser.back(&state, "code=good").await;
    let grace = accounts(&door)
        .await
        .into_iter()
        .find(|account| account.identity.remote_id == "1000")
        .unwrap();
    let id = grace.id.to_string();
    let state = browser.begin(&[("platform", "x"), ("account", &id)]).await;
    let other = browser.back(&state, "code=ben").await;
    assert_eq!(other.status, 409, "{}", other.body);
    assert!(other.body.contains("That is another account"));
    let state = browser.begin(&[("platform", "x"), ("account", &id)]).await;
    let same = browser.back(&state, "code=good").await;
    assert_eq!(
        same.header("location"),
        format!("/connect/{}?connected={id}", browser.token)
    );
}

#[tokio::test]
async fn a_page_shows_nothing_of_other_users() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let x = account_of(&door, Platform::X).await;
    let (eve, _) = door.other("eve@example.com", Default::default()).await;
    let (token, _) = door.engine.make_link(eve, MakeLink::default()).await.unwrap();
    let path = format!("/connect/{}", token.expose());
    let page = browser.get(&path).await;
    assert!(page.body.contains("eve@example.com") && page.body.contains("No account is connected yet"));
    let asked = browser.get(&format!("{path}/disconnect?account={}", x.id)).await;
    assert_eq!(asked.status, 404);
    let form = [("account", x.id.to_string())];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(
        browser
            .post_with(&format!("{path}/disconnect"), &form, &[])
            .await
            .status,
        404
    );
    assert!(accounts(&door).await.iter().any(|account| account.id == x.id));
}

#[tokio::test]
async fn a_page_made_for_one_platform_offers_no_other() {
    let door = Door::open().await;
    let make = MakeLink {
        platforms: vec![Platform::Mastodon],
        ..MakeLink::default()
    };
    let browser = Browser::with_link(&door, make).await;
    let page = browser.page().await.body;
    assert!(
        page.contains("Connect Mastodon") && !page.contains("Connect X") && !page.contains("Threads"),
        "{page}"
    );
    assert_eq!(browser.post("/start", &[("platform", "x")]).await.status, 404);
}

#[tokio::test]
async fn a_link_that_is_unknown_expired_or_withdrawn_says_so_and_what_to_do() {
    let door = Door::open().await;
    let unknown = door.get("/connect/0000").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("Ask whoever sent you here for a new link."));
    let browser = Browser::on_page(&door).await;
    let (token, link) = door.engine.make_link(door.owner.id, MakeLink::default()).await.unwrap();
    door.engine
        .revoke_link(&Reach { owner: door.owner.id }, link.id)
        .await
        .unwrap();
    let withdrawn = door.get(&format!("/connect/{}", token.expose())).await;
    assert_eq!(withdrawn.status, 410);
    assert!(withdrawn.body.contains("withdrawn"));
    door.clock.advance(SignedDuration::from_hours(25));
    let expired = browser.page().await;
    assert_eq!(expired.status, 410);
    assert!(expired.body.contains("expired") && expired.body.contains("stay connected"));
    assert_eq!(browser.post("/start", &[("platform", "x")]).await.status, 410);
}

#[tokio::test]
async fn nobody_can_put_words_on_the_page_by_making_up_its_address() {
    let door = Door::open().await;
    let browser = Browser::on_page(&door).await;
    let made_up = browser
        .below("?connected=%3Cb%3Eyou%20won&disconnected=evil&message=evil")
        .await;
    assert_eq!(made_up.status, 200);
    assert!(!made_up.body.contains("you won") && !made_up.body.contains("evil"));
}

#[tokio::test]
async fn the_server_describes_itself_to_platforms_that_ask() {
    let door = Door::open().await;
    let answer = door.get("/connect/client-metadata.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type").as_str()),
        (200, "application/json")
    );
    let callback = &answer.json()["redirect_uris"][0];
    assert_eq!(callback, "http://127.0.0.1:4000/connect/callback");
}
