//! The hosted page in a real browser: an account is connected by keyboard alone, and the pages are photographed.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use domain::platform::Platform;
use sandbox::TokenVerb;
use url::Url;

use super::stage::Stage;
use crate::chromium::{self, Chromium, Key};
use crate::product::ScratchFolder;

/// No page needs so many steps from its beginning to its end.
const TABS_MAX: usize = 80;
/// What has the focus, as a person reads it.
const FOCUSED: &str = "(e => e ? (e.innerText || e.value || e.name || '').trim() : '')(document.activeElement)";
/// Whether a person sees what has the focus.
const IS_MARKED: &str = "(e => { const s = getComputedStyle(e); \
     return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none' })(document.activeElement)";

/// Runs it, and says where the pictures are. True when the account was connected, or there is no browser.
pub(super) async fn run(
    binary: &Path,
    screenshots: Option<&Path>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let Some(program) = chromium::program() else {
        writeln!(out, "skipped: by keyboard alone: there is no Chromium on this machine")?;
        return Ok(true);
    };
    let scratch = ScratchFolder::new("broadside-keyboard")?;
    let folder = match screenshots {
        Some(folder) => folder.to_owned(),
        None => std::env::temp_dir().join(format!("broadside-screenshots-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (stage, mut server) = Stage::set(binary, scratch.path()).await?;
    let mut hands = Hands {
        browser: Chromium::start(&program, scratch.path()).await?,
        folder: folder.clone(),
        unmarked: Vec::new(),
    };
    let held = hands.all(&stage).await;
    server.kill().await?;
    match &held {
        Ok(()) => writeln!(
            out,
            "ok: an account is connected by keyboard alone; pictures in {}",
            folder.display()
        )?,
        Err(why) => writeln!(out, "FAIL: an account is connected by keyboard alone: {why:#}")?,
    }
    Ok(held.is_ok())
}

/// A person without a mouse.
struct Hands {
    browser: Chromium,
    folder: PathBuf,
    unmarked: Vec<String>,
}

impl Hands {
    async fn all(&mut self, stage: &Stage) -> anyhow::Result<()> {
        let page = stage.page(&[], None).await?;
        self.browser.open(page.as_str()).await?;
        self.photograph("empty").await?;
        self.connect_x(&page).await?;
        self.browser.prefer_dark(false).await?;
        self.connect_mastodon(stage).await?;
        self.connect_facebook().await?;
        let accounts = stage.accounts(Platform::X).await?;
        let account = accounts.first().context("the server does not list the account")?;
        stage
            .sandbox
            .tokens(Platform::X, &account.remote_id, TokenVerb::Revoke)?;
        stage.check(&account.id).await?;
        self.browser.open(page.as_str()).await?;
        self.photograph("accounts").await?;
        self.browser.window(390, 844).await?;
        self.photograph("accounts-narrow").await?;
        self.browser.window(1_000, 800).await?;
        self.tab_to("Disconnect").await?;
        self.follow(Key::Enter, "location.pathname.endsWith('/disconnect')")
            .await?;
        self.photograph("disconnect").await?;
        self.browser.open(stage.at("/connect/unknown")?.as_str()).await?;
        self.photograph("unknown").await?;
        ensure!(
            self.unmarked.is_empty(),
            "the focus cannot be seen on: {}",
            self.unmarked.join(", ")
        );
        Ok(())
    }

    async fn connect_x(&mut self, page: &Url) -> anyhow::Result<()> {
        self.tab_to("Connect X").await?;
        self.follow(Key::Enter, "location.pathname === '/x/i/oauth2/authorize'")
            .await?;
        self.photograph("consent").await?;
        self.tab_to("handle").await?;
        self.browser.type_text("keyboard").await?;
        self.tab_to("Allow").await?;
        let arrived = format!(
            "location.pathname === '{}' && location.search.startsWith('?connected=')",
            page.path()
        );
        self.follow(Key::Space, &arrived).await?;
        let said = self
            .browser
            .text("document.querySelector('[role=status]')?.innerText ?? ''")
            .await?;
        ensure!(said == "@keyboard on X is connected.", "the page says '{said}'");
        self.photograph("connected").await
    }

    /// A platform that asks for something first.
    async fn connect_mastodon(&mut self, stage: &Stage) -> anyhow::Result<()> {
        self.tab_to("Connect Mastodon").await?;
        self.follow(Key::Enter, "location.pathname.endsWith('/start')").await?;
        self.photograph("fields").await?;
        self.tab_to("server").await?;
        self.browser
            .type_text(stage.sandbox.endpoint(Platform::Mastodon).as_str())
            .await?;
        self.follow(Key::Enter, "location.pathname === '/mastodon/oauth/authorize'")
            .await?;
        self.tab_to("handle").await?;
        self.browser.type_text("keyboard").await?;
        self.tab_to("Allow").await?;
        self.follow(Key::Enter, "location.search.startsWith('?connected=')")
            .await
    }

    /// A platform with a choice.
    async fn connect_facebook(&mut self) -> anyhow::Result<()> {
        self.tab_to("Connect Facebook").await?;
        self.follow(Key::Enter, "location.pathname.includes('/dialog/oauth')")
            .await?;
        self.tab_to("handle").await?;
        self.browser.type_text("keyboard").await?;
        self.tab_to("Allow").await?;
        self.follow(Key::Enter, "location.pathname.includes('/connect/choose/')")
            .await?;
        self.photograph("choice").await?;
        self.tab_to("Connect").await?;
        self.follow(Key::Enter, "location.search.startsWith('?connected=')")
            .await?;
        self.photograph("choice-again").await
    }

    /// Presses Tab until what has the focus reads like this (or is the field of this name).
    async fn tab_to(&mut self, words: &str) -> anyhow::Result<()> {
        let mut passed = Vec::new();
        for _ in 0..TABS_MAX {
            self.browser.press(Key::Tab).await?;
            let focused = self.browser.text(FOCUSED).await?;
            let name = self.browser.text("document.activeElement?.name ?? ''").await?;
            let on_body = self
                .browser
                .evaluate("document.activeElement === document.body")
                .await?
                == true;
            if !on_body && self.browser.evaluate(IS_MARKED).await? != true {
                self.unmarked.push(focused.clone());
            }
            if !on_body && (focused == words || name == words) {
                return Ok(());
            }
            passed.push(focused.lines().next().unwrap_or_default().to_owned());
        }
        anyhow::bail!("Tab did not lead to '{words}', but to {}", passed.join(" | "))
    }

    async fn follow(&mut self, key: Key, arrived: &str) -> anyhow::Result<()> {
        self.browser.press(key).await?;
        self.browser
            .until(&format!("{arrived} && document.readyState === 'complete'"))
            .await
    }

    /// Photographs the page in light and dark.
    async fn photograph(&mut self, name: &str) -> anyhow::Result<()> {
        for (word, dark) in [("light", false), ("dark", true)] {
            self.browser.prefer_dark(dark).await?;
            let picture = self.browser.screenshot().await?;
            std::fs::write(self.folder.join(format!("{name}-{word}.png")), picture)?;
        }
        self.browser.prefer_dark(false).await
    }
}
