use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Visit, parameter, text};
use crate::NewSandboxAccount;
use crate::signin::app;
use crate::testing::{TestWorld, read};

fn add(world: &TestWorld, platform: Platform, handle: &str, remote_id: Option<&str>) -> crate::AccountSeed {
    let mut new = NewSandboxAccount::new(platform, handle);
    new.remote_id = remote_id.map(str::to_owned);
    world.sandbox.add_account(&new).unwrap()
}

#[tokio::test]
async fn x_gives_a_refresh_token_only_for_offline_access_and_wants_a_challenge() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::X).scopes(&["tweet.read", "users.read"]);
    let tokens = visit.tokens(&[("handle", "ada")]).await;
    assert_eq!(
        (&tokens["token_type"], &tokens["scope"]),
        (&json!("bearer"), &json!("tweet.read users.read"))
    );
    assert!(tokens.get("refresh_token").is_none());
    let (status, me) = visit.get("/2/users/me", &text(&tokens, "access_token")).await;
    assert_eq!((status, &me["data"]["username"]), (200, &json!("ada")));
    let bare = visit.authorize().as_str().replace("code_challenge", "other");
    assert_eq!(read(world.client.get(bare)).await.0, 400);
}

#[tokio::test]
async fn x_refuses_a_post_of_a_token_without_the_scope() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::X).scopes(&["tweet.read", "users.read"]);
    let reader = text(&visit.tokens(&[("handle", "ada")]).await, "access_token");
    let visit = Visit::new(&world, Platform::X);
    let writer = text(&visit.tokens(&[("handle", "ada")]).await, "access_token");
    let post = |token: String| {
        let request = world.client.post(visit.address("/2/tweets")).bearer_auth(token);
        read(request.json(&json!({ "text": "hello" })))
    };
    assert_eq!(post(reader).await.0, 403);
    assert_eq!(post(writer).await.0, 201);
    assert_eq!(world.published(Platform::X).len(), 1);
}

#[tokio::test]
async fn the_refresh_token_that_an_account_of_x_comes_with_needs_no_app() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let visit = Visit::new(&world, Platform::X);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", seed.refresh_token.as_deref().unwrap()),
    ];
    let (status, tokens) = read(visit.token_as("any", "app", &form)).await;
    assert_eq!(status, 200);
    assert!(text(&tokens, "scope").contains("tweet.write"));
}

#[tokio::test]
async fn linkedin_lists_the_organizations_that_were_ticked() {
    let world = TestWorld::new().await;
    let member = add(&world, Platform::LinkedIn, "ada", Some("AbC123"));
    add(&world, Platform::LinkedIn, "ada-works", Some("1001"));
    add(&world, Platform::LinkedIn, "ada-labs", Some("1002"));
    add(&world, Platform::LinkedIn, "bob-works", Some("2001"));
    let visit = Visit::new(&world, Platform::LinkedIn).scopes(&[
        "openid",
        "profile",
        "w_member_social",
        "w_organization_social",
        "rw_organization_admin",
    ]);
    let tokens = visit
        .tokens(&[("account", "AbC123"), ("target", "1001"), ("target", "2001")])
        .await;
    assert_eq!(
        (&tokens["expires_in"], &tokens["refresh_token_expires_in"]),
        (&json!(5_184_000), &json!(31_536_000))
    );
    assert!(text(&tokens, "scope").contains("openid,profile"));
    assert!(text(&tokens, "id_token").split('.').count() == 3);
    let access = text(&tokens, "access_token");
    let (_, user) = visit.get("/v2/userinfo", &access).await;
    assert_eq!((&user["sub"], user.get("email")), (&json!(member.remote_id), None));
    let path = "/rest/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED";
    let (status, roles) = visit.get(path, &access).await;
    assert_eq!(status, 200, "{roles}");
    let names: Vec<&Value> = roles["elements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["organization"])
        .collect();
    assert_eq!(names, ["urn:li:organization:1001"]);
    let (_, shown) = visit.get("/rest/organizations/1001", &access).await;
    assert_eq!(shown["localizedName"], "ada-works");
    assert_eq!(visit.get("/rest/organizations/2001", &access).await.0, 404);
    let (status, again) = read(visit.refresh(&text(&tokens, "refresh_token"))).await;
    assert_eq!((status, &again["refresh_token"]), (200, &tokens["refresh_token"]));
}

#[tokio::test]
async fn linkedin_ends_the_tokens_of_other_scopes() {
    let world = TestWorld::new().await;
    add(&world, Platform::LinkedIn, "ada", Some("AbC123"));
    let one = Visit::new(&world, Platform::LinkedIn).scopes(&["openid", "profile"]);
    let first = text(&one.tokens(&[]).await, "access_token");
    let second = text(&one.tokens(&[]).await, "access_token");
    assert_eq!(one.get("/v2/userinfo", &first).await.0, 200);
    let other = Visit::new(&world, Platform::LinkedIn).scopes(&["openid", "profile", "w_member_social"]);
    other.tokens(&[]).await;
    for token in [first, second] {
        assert_eq!(one.get("/v2/userinfo", &token).await.1["code"], "EXPIRED_ACCESS_TOKEN");
    }
}

#[tokio::test]
async fn linkedin_tells_an_unknown_scope_to_the_app() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::LinkedIn).scopes(&["w_everything"]);
    let back = visit.decide(&[("decision", "allow")]).await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("unauthorized_scope_error"));
}

async fn long_lived(visit: &Visit<'_>, user: &str) -> Value {
    let own = app(Platform::Facebook);
    let query = [
        ("grant_type", "fb_exchange_token"),
        ("client_id", &own.id),
        ("client_secret", &own.secret),
        ("fb_exchange_token", user),
    ];
    let request = visit.world.client.get(visit.address("/v25.0/oauth/access_token"));
    let (status, body) = read(request.query(&query)).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn facebook_s_page_tokens_have_no_end_when_the_user_s_is_long_lived() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Facebook);
    let own = app(Platform::Facebook);
    let code = visit.code(&[("handle", "ada")]).await;
    let query = [
        ("client_id", own.id.as_str()),
        ("client_secret", &own.secret),
        ("redirect_uri", super::BACK),
        ("code", &code),
        ("code_verifier", super::VERIFIER),
    ];
    let request = world.client.get(visit.address("/oauth/access_token")).query(&query);
    let short = text(&read(request).await.1, "access_token");
    let long = long_lived(&visit, &short).await;
    assert_eq!(long["expires_in"], 5_184_000);
    let long = text(&long, "access_token");
    let (_, of_short) = visit.get("/v25.0/me/accounts", &short).await;
    let (_, of_long) = visit
        .get("/v26.0/me/accounts?fields=id,name,access_token,tasks", &long)
        .await;
    let pages = of_long["data"].as_array().unwrap();
    assert_eq!(
        pages.iter().map(|page| &page["name"]).collect::<Vec<_>>(),
        ["ada", "ada-shop"]
    );
    assert!(pages[0]["tasks"].as_array().unwrap().contains(&json!("CREATE_CONTENT")));
    let (dying, lasting) = (
        text(&of_short["data"][0], "access_token"),
        text(&pages[0], "access_token"),
    );
    let again = visit.get("/me/accounts", &long).await.1;
    assert_eq!(text(&again["data"][0], "access_token"), lasting);
    world.clock.advance(SignedDuration::from_hours(24 * 61));
    let (status, me) = visit.get("/v25.0/me?fields=id,name", &lasting).await;
    assert_eq!((status, &me["name"]), (200, &json!("ada")));
    for ended in [&dying, &short, &long] {
        let (status, body) = visit.get("/v25.0/me", ended).await;
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["error_subcode"]),
            (400, &json!(190), &json!(463))
        );
    }
}

#[tokio::test]
async fn facebook_shows_what_was_refused_and_forgets_when_told() {
    let world = TestWorld::new().await;
    add(&world, Platform::Facebook, "ada", Some("111"));
    let visit =
        Visit::new(&world, Platform::Facebook).scopes(&["public_profile", "pages_show_list", "pages_manage_posts"]);
    let form = [("scope", "pages_show_list"), ("scopes_shown", "1"), ("target", "111")];
    let user = text(&visit.tokens(&form).await, "access_token");
    let (_, permissions) = visit.get("/v25.0/me/permissions", &user).await;
    let status = |name: &str| {
        let mut all = permissions["data"].as_array().unwrap().iter();
        all.find(|one| one["permission"] == name).unwrap()["status"].clone()
    };
    assert_eq!(
        (status("pages_manage_posts"), status("pages_show_list")),
        (json!("declined"), json!("granted"))
    );
    assert_eq!(status("public_profile"), "granted");
    let own = app(Platform::Facebook);
    let inspect = format!(
        "/v25.0/debug_token?input_token={user}&access_token={}%7C{}",
        own.id, own.secret
    );
    let (_, seen) = read(world.client.get(visit.address(&inspect).as_str())).await;
    assert_eq!(
        (&seen["data"]["is_valid"], &seen["data"]["type"]),
        (&json!(true), &json!("USER"))
    );
    let page = text(&visit.get("/me/accounts", &user).await.1["data"][0], "access_token");
    let (status, body) = read(
        world
            .client
            .delete(visit.address("/v25.0/me/permissions"))
            .bearer_auth(&user),
    )
    .await;
    assert_eq!((status, &body["success"]), (200, &json!(true)));
    for token in [&user, &page] {
        assert_eq!(visit.get("/me", token).await.1["error"]["code"], 190);
    }
}

#[tokio::test]
async fn facebook_shows_no_page_when_none_was_ticked() {
    let world = TestWorld::new().await;
    add(&world, Platform::Facebook, "ada", Some("111"));
    let visit = Visit::new(&world, Platform::Facebook);
    let user = text(&visit.tokens(&[("targets_shown", "1")]).await, "access_token");
    let (status, pages) = visit.get("/me/accounts", &user).await;
    assert_eq!((status, &pages["data"]), (200, &json!([])));
}

#[tokio::test]
async fn instagram_and_threads_exchange_for_sixty_days_and_refresh_after_a_day() {
    for (platform, letters) in [(Platform::Instagram, "ig"), (Platform::Threads, "th")] {
        let world = TestWorld::new().await;
        let seed = add(&world, platform, "ada", None);
        let visit = Visit::new(&world, platform);
        let mut kinds = Vec::new();
        let mut short = String::new();
        for _ in 0..4 {
            let tokens = visit.tokens(&[]).await;
            assert_eq!(tokens["user_id"].to_string().trim_matches('"'), seed.remote_id);
            kinds.push(tokens["user_id"].is_string());
            short = text(&tokens, "access_token");
        }
        assert!(kinds.contains(&true) && kinds.contains(&false), "{kinds:?}");
        let swap = |secret: &str, token: &str| {
            let query = [
                ("grant_type", format!("{letters}_exchange_token")),
                ("client_secret", secret.to_owned()),
                ("access_token", token.to_owned()),
            ];
            read(world.client.get(visit.address("/access_token")).query(&query))
        };
        assert_eq!(swap("wrong", &short).await.0, 400);
        let (status, long) = swap(&app(platform).secret, &short).await;
        assert_eq!((status, &long["expires_in"]), (200, &json!(5_184_000)));
        world.clock.advance(SignedDuration::from_hours(25));
        let (status, me) = visit
            .get("/v25.0/me?fields=id,username", &text(&long, "access_token"))
            .await;
        assert_eq!((status, &me["username"]), (200, &json!("ada")));
        assert_eq!(visit.get("/v25.0/me", &short).await.1["error"]["code"], 190);
        if platform == Platform::Threads {
            let token = text(&long, "access_token");
            let (_, seen) = visit
                .get(&format!("/v1.0/debug_token?input_token={token}"), &token)
                .await;
            assert_eq!(
                (&seen["data"]["type"], &seen["data"]["user_id"]),
                (&json!("USER"), &json!(seed.remote_id))
            );
            assert!(
                seen["data"]["scopes"]
                    .as_array()
                    .unwrap()
                    .contains(&json!("threads_content_publish"))
            );
        }
        let path = format!("/refresh_access_token?grant_type={letters}_refresh_token");
        let (status, fresh) = visit.get(&path, &text(&long, "access_token")).await;
        assert_eq!(status, 200, "{fresh}");
    }
}

#[tokio::test]
async fn instagram_refuses_to_publish_without_the_permission() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Instagram)
        .scopes(&["instagram_business_basic", "instagram_business_content_publish"]);
    let form = [("handle", "ada"), ("scope", "instagram_business_basic")];
    let token = text(&visit.tokens(&form).await, "access_token");
    let query = [
        ("image_url", world.sandbox.sample_url("image.jpg")),
        ("access_token", token),
    ];
    let (status, body) = read(world.client.post(visit.address("/v25.0/me/media")).query(&query)).await;
    assert_eq!((status, &body["error"]["code"]), (403, &json!(10)));
}

#[tokio::test]
async fn tiktok_says_its_refusals_with_status_200_and_hashes_in_hex() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::TikTok);
    let back = visit
        .decide(&[("decision", "allow"), ("handle", "ada"), ("scope", "video.publish")])
        .await;
    assert_eq!(
        parameter(&back, "scopes").as_deref(),
        Some("user.info.basic,video.publish")
    );
    let (status, refused) = read(visit.exchange("no-such-code")).await;
    assert_eq!((status, &refused["error"]), (200, &json!("invalid_grant")));
    let tokens = read(visit.exchange(&parameter(&back, "code").unwrap())).await.1;
    let access = text(&tokens, "access_token");
    assert_eq!(tokens["refresh_expires_in"], 15_552_000);
    let (_, user) = visit.get("/v2/user/info/?fields=open_id,display_name", &access).await;
    assert_eq!(
        user["data"]["user"],
        json!({ "open_id": tokens["open_id"], "display_name": "ada" })
    );
    assert_eq!(user["error"]["code"], "ok");
    let (status, refused) = visit.get("/v2/user/info/?fields=username", &access).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("scope_not_authorized"))
    );
    let creator = world
        .client
        .post(visit.address("/v2/post/publish/creator_info/query/"))
        .bearer_auth(&access);
    assert_eq!(
        read(creator.json(&json!({}))).await.1["data"]["creator_username"],
        "ada"
    );
}

#[tokio::test]
async fn google_gives_a_refresh_token_for_offline_access_only() {
    let world = TestWorld::new().await;
    let mut visit = Visit::new(&world, Platform::YouTube);
    visit.more.clear();
    let tokens = visit.tokens(&[("handle", "ada")]).await;
    assert!(tokens.get("refresh_token").is_none());
    let access = text(&tokens, "access_token");
    let (_, channels) = visit
        .get("/youtube/v3/channels?part=id,snippet&mine=true", &access)
        .await;
    assert_eq!(channels["items"][0]["snippet"]["title"], "ada");
    let offline = Visit::new(&world, Platform::YouTube);
    assert!(offline.tokens(&[("handle", "ada")]).await["refresh_token"].is_string());
    // The second time there is none, unless the app wants people to be asked again.
    assert!(
        offline
            .tokens(&[("handle", "ada")])
            .await
            .get("refresh_token")
            .is_none()
    );
    let mut anew = Visit::new(&world, Platform::YouTube);
    anew.more.push(("prompt", "consent"));
    assert!(anew.tokens(&[("handle", "ada")]).await["refresh_token"].is_string());
    let upload = Visit::new(&world, Platform::YouTube).scopes(&["https://www.googleapis.com/auth/youtube.upload"]);
    let token = text(&upload.tokens(&[("handle", "ada")]).await, "access_token");
    let (status, refused) = visit.get("/youtube/v3/channels?part=id&mine=true", &token).await;
    assert_eq!(
        (status, &refused["error"]["errors"][0]["reason"]),
        (403, &json!("insufficientPermissions"))
    );
}

#[tokio::test]
async fn google_business_lists_the_locations_that_were_ticked() {
    let world = TestWorld::new().await;
    add(&world, Platform::GoogleBusiness, "ada-north", Some("71"));
    add(&world, Platform::GoogleBusiness, "ada-south", Some("72"));
    let visit = Visit::new(&world, Platform::GoogleBusiness);
    let access = text(&visit.tokens(&[("target", "72")]).await, "access_token");
    let (_, accounts) = visit.get("/v1/accounts", &access).await;
    let name = text(&accounts["accounts"][0], "name");
    let (_, locations) = visit
        .get(&format!("/v1/{name}/locations?readMask=name,title"), &access)
        .await;
    assert_eq!(
        locations["locations"],
        json!([{ "name": "locations/72", "title": "ada-south" }])
    );
    assert_eq!(visit.get(&format!("/v1/{name}/locations"), &access).await.0, 400);
    assert_eq!(
        visit.get("/v1/accounts/1/locations?readMask=name", &access).await.0,
        403
    );
    let stand_in = world.sandbox.stand_in_endpoint(Platform::GoogleBusiness);
    for (location, status) in [("72", 201), ("71", 403)] {
        let post = world.client.post(format!("{stand_in}/publish")).bearer_auth(&access);
        let (seen, _) = read(post.json(&json!({ "text": "x", "account": location }))).await;
        assert_eq!(seen, status);
    }
    assert_eq!(world.published(Platform::GoogleBusiness)[0].account, "72");
}

#[tokio::test]
async fn pinterest_reddit_and_snapchat_say_who_somebody_is() {
    let world = TestWorld::new().await;
    for (platform, path, pointer) in [
        (Platform::Pinterest, "/v5/user_account", "/username"),
        (Platform::Pinterest, "/v5/boards", "/items/0/owner/username"),
        (Platform::Reddit, "/api/v1/me", "/name"),
        (
            Platform::Snapchat,
            "/v1/public_profiles/my_profile",
            "/public_profile/snap_user_name",
        ),
    ] {
        let visit = Visit::new(&world, platform);
        let access = text(&visit.tokens(&[("handle", "ada")]).await, "access_token");
        let (status, body) = visit.get(path, &access).await;
        assert_eq!(
            (status, body.pointer(pointer)),
            (200, Some(&json!("ada"))),
            "{platform} {body}"
        );
        assert_eq!(visit.get(path, "nobody").await.0, 401);
    }
    let visit = Visit::new(&world, Platform::Reddit).scopes(&["identity"]);
    let access = text(&visit.tokens(&[("handle", "ada")]).await, "access_token");
    assert_eq!(visit.get("/subreddits/mine/subscriber", &access).await.0, 403);
}

#[tokio::test]
async fn somebody_who_is_there_already_is_found_by_name() {
    let world = TestWorld::new().await;
    let seed = add(&world, Platform::TikTok, "ada", None);
    let visit = Visit::new(&world, Platform::TikTok);
    assert_eq!(
        visit.tokens(&[("handle", "@Ada")]).await["open_id"],
        json!(seed.remote_id)
    );
    assert_ne!(
        visit.tokens(&[("handle", "bob")]).await["open_id"],
        json!(seed.remote_id)
    );
    let refused = world
        .client
        .post(visit.authorize())
        .form(&[("decision", "allow"), ("account", "nobody")]);
    assert_eq!(refused.send().await.unwrap().status().as_u16(), 400);
}
