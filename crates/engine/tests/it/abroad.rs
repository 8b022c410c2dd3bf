//! Servers that users name, and names that lead home.

use std::io::ErrorKind;
use std::net::TcpListener;

use domain::account::Tokens;
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;

use crate::world::{Outside, added, content, go_on, memory, post_now, run_until_stopped, state};

#[tokio::test]
async fn a_server_whose_name_leads_to_this_machine_by_now_is_not_connected_to() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    for platform in [Platform::Mastodon, Platform::Bluesky] {
        let user = engine.create_user(platform.word(), Plan::default()).await.unwrap();
        let tokens = Tokens {
            access: SecretText::from("token"),
            ..Tokens::default()
        };
        let mut add = added(&user, platform, ("did:plc:1", "ada.example"), tokens);
        // The system's own resolver knows this name, and what it knows is loopback.
        add.identity.base_url = Some(format!("http://localhost:{port}"));
        let account = engine.add_account(add).await.unwrap();
        let words = content(&outside, platform, "knock knock", &[]);
        let group = post_now(&engine, &user, &account, words).await;
        run_until_stopped(&engine).await;
        let state = state(&engine, &user, group).await;
        assert!(
            matches!(state, PostState::Waiting { .. } | PostState::Failed { .. }),
            "{state:?}"
        );
        let nobody = inside.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(nobody, Err(ErrorKind::WouldBlock), "{platform}");
    }
}
