//! Bluesky's own server asks a person in a real browser: the product's page, the server's sign-in, and back.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::launch::{Running, Which};
use super::server::{Login, RealServer};
use crate::chaos::admin;
use crate::chaos::processes::Server;
use crate::chaos::time::Time;
use crate::chromium::{self, Chromium};
use crate::product::ScratchFolder;

/// Starts the server and the product, and signs in. True when it works, or there is no browser.
pub(super) async fn check(servers: &Path, binary: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let Some(program) = chromium::program() else {
        writeln!(
            out,
            "skipped: pds: signing in with a browser: there is no Chromium on this machine"
        )?;
        return Ok(true);
    };
    let scratch = ScratchFolder::new("broadside-consent")?;
    let running = Running::start(Which::Pds, servers, scratch.path()).await?;
    let held = sign_in(&running, binary, &program, scratch.path()).await;
    running.stop().await?;
    match &held {
        Ok(()) => writeln!(
            out,
            "ok: pds: an account is connected with a browser, verified, and posts"
        )?,
        Err(why) => writeln!(out, "FAIL: pds: an account is connected with a browser: {why:#}")?,
    }
    Ok(held.is_ok())
}

async fn sign_in(running: &Running, binary: &Path, program: &Path, folder: &Path) -> anyhow::Result<()> {
    // Its OAuth issuer, which clients must find unchanged, names the machine by this name.
    let base = running.base_url().replace("127.0.0.1", "localhost");
    let world = RealServer::new(Which::Pds, running.base_url())?;
    let login = world.make_account("browser").await?;
    let config = format!("[platforms.bluesky]\nbase_url = \"{base}\"\n");
    let mut server = Server::new(binary, folder, Time::start(1.0), &config, Vec::new())?;
    server.start().await?;
    let mut browser = Chromium::start(program, folder).await?;
    let signed_in = through(&mut browser, &server, &login).await;
    let signed_in = match signed_in {
        Ok(()) => works(&server, &world, &login).await,
        Err(error) => Err(error),
    };
    server.kill().await?;
    signed_in
}

async fn through(browser: &mut Chromium, server: &Server, login: &Login) -> anyhow::Result<()> {
    let data = server.data();
    admin::new_key(&data).await?;
    let link = json!({
        "ask": "account_connect", "user": null, "platforms": ["bluesky"], "account": null, "return_to": null,
        "expires_in": null,
    });
    let link = admin::ask(&data, &link).await?.done()?;
    let page = link.get("url").and_then(Value::as_str).context("no page")?;
    browser.open(page).await?;
    browser.evaluate("document.querySelector('.offers a').click()").await?;
    browser
        .until("document.getElementById('browser-handle') !== null")
        .await?;
    browser
        .evaluate("document.getElementById('browser-handle').focus()")
        .await?;
    browser.type_text(&login.handle).await?;
    browser.press(chromium::Key::Enter).await?;
    browser
        .until("location.pathname === '/oauth/authorize'")
        .await
        .context("the server's page")?;
    browser
        .until("document.querySelector('input[type=password]') !== null")
        .await
        .context("the sign-in form")?;
    let name = "document.querySelector('input[name=username]')";
    if browser
        .evaluate(&format!("{name} && !{name}.value && !{name}.readOnly"))
        .await?
        == true
    {
        browser.evaluate(&format!("{name}.focus()")).await?;
        browser.type_text(&login.handle).await?;
    }
    browser
        .evaluate("document.querySelector('input[type=password]').focus()")
        .await?;
    browser.type_text("a long password").await?;
    browser.press(chromium::Key::Enter).await?;
    let allow =
        "[...document.querySelectorAll('button')].find(b => /^(authorize|accept|allow)$/i.test(b.innerText.trim()))";
    browser
        .until(&format!("{allow} !== undefined"))
        .await
        .context("the question")?;
    browser.evaluate(&format!("{allow}.click()")).await?;
    browser
        .until("location.search.startsWith('?connected=')")
        .await
        .context("the way back")
}

/// The account works: it is verified, and it posts.
async fn works(server: &Server, world: &RealServer, login: &Login) -> anyhow::Result<()> {
    let data = server.data();
    let check = json!({"ask": "account_check", "user": null, "account": format!("bluesky:{}", login.id)});
    let checked = admin::ask(&data, &check).await?.done()?;
    let told = |pointer: &str| checked.pointer(pointer).cloned().unwrap_or_default();
    ensure!(
        told("/remote_id") == login.id.as_str(),
        "it is another account: {checked}"
    );
    ensure!(
        told("/health") == "ok" && told("/missing") == json!([]),
        "it is not well: {checked}"
    );
    let text = "connected with a browser";
    let post = json!({
        "ask": "post", "user": null, "text": text, "media": [], "replies": [], "first_comment": null, "settings": {},
        "to": [], "at": null,
    });
    admin::ask(&data, &post).await?.done()?;
    let deadline = crate::chaos::time::Deadline::within(std::time::Duration::from_secs(60));
    loop {
        let posts = world.posts(login).await?;
        if posts.iter().any(|record| record.text == text) {
            return Ok(());
        }
        ensure!(!deadline.passed(), "its post did not arrive");
        crate::chaos::time::pause(std::time::Duration::from_millis(200)).await;
    }
}
