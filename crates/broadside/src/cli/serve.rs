//! `broadside serve`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use url::Url;

use super::Context;
use crate::admin::Refusal;
use crate::config::{Config, Flags};
use crate::wiring::{Foundations, Opened, Server, plain_extras};

/// How long to wait for a command that has the directory open just now.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);

/// Runs the server: API, publisher, housekeeping.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The address under which others reach this server
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Prints a service file with the same flags instead of serving
    #[arg(long, value_name = "KIND")]
    print_unit: Option<Unit>,
    /// Does one thing wrong on purpose, to show that the checks for duplicates notice
    #[cfg(any(debug_assertions, feature = "chaos"))]
    #[arg(long, hide = true, value_name = "FAULT")]
    sabotage: Option<crate::sabotage::Fault>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unit {
    /// For systemd
    Systemd,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        if let Some(Unit::Systemd) = self.print_unit {
            context.out.line(&systemd_unit(&self.flags(context))?);
            return Ok(ExitCode::SUCCESS);
        }
        let flags = self.flags(context);
        let config = Config::load(&flags)?;
        super::config::check(&config)?;
        crate::logging::init(&config.log)?;
        let foundations = open(context, &config).await?;
        #[cfg_attr(
            not(any(debug_assertions, feature = "chaos")),
            expect(unused_mut, reason = "only chaos changes them")
        )]
        let mut extras = plain_extras()?;
        #[cfg(any(debug_assertions, feature = "chaos"))]
        if let Some(fault) = self.sabotage {
            tracing::warn!(?fault, "this server does one thing wrong on purpose");
            extras.around_store = Some(Box::new(move |inner| {
                std::sync::Arc::new(crate::sabotage::Saboteur::new(inner, fault))
            }));
        }
        let server = Server::start(&config, foundations, extras).await?;
        server.until_told().await?;
        Ok(ExitCode::SUCCESS)
    }

    fn flags(&self, context: &Context) -> Flags {
        Flags {
            listen: self.listen,
            public_url: self.public_url.clone(),
            ..context.flags()
        }
    }
}

/// Opens the directory. A command may have it for a moment; a server has it for good, and is named.
async fn open(context: &Context, config: &Config) -> anyhow::Result<Foundations> {
    let patience = context
        .clock
        .now()
        .saturating_add(PATIENCE)
        .unwrap_or(jiff::Timestamp::MAX);
    loop {
        let holder = match Foundations::open(config, &context.clock).await? {
            Opened::Site(foundations) => return Ok(foundations),
            Opened::HeldBy(holder) => holder,
        };
        let socket = config.data.dir.join(crate::admin::SOCKET_FILE);
        let is_server = tokio::net::UnixStream::connect(&socket).await.is_ok();
        let now = context.clock.now();
        if is_server || now >= patience {
            let message = format!(
                "{} is in use by another broadside ({holder})",
                config.data.dir.display()
            );
            return Err(Refusal::new("in_use", message)
                .next("stop that one, or give this one another --data")
                .into());
        }
        context
            .clock
            .sleep_until(now.saturating_add(SignedDuration::from_millis(50)).unwrap_or(patience))
            .await;
    }
}

/// A word of a command as a unit has it (systemd.syntax(7)).
fn in_a_unit(word: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    if escaped.contains(char::is_whitespace) {
        format!("\"{escaped}\"")
    } else {
        escaped
    }
}

/// The flags as arguments, each with a space before it.
fn arguments(flags: &Flags) -> std::io::Result<String> {
    let config = flags.config.as_deref().map(std::path::absolute).transpose()?;
    let given = [
        ("config", config.map(|path| path.display().to_string())),
        ("listen", flags.listen.map(|listen| listen.to_string())),
        ("public-url", flags.public_url.as_ref().map(Url::to_string)),
    ];
    Ok(given
        .into_iter()
        .filter_map(|(flag, value)| Some(format!(" --{flag} {}", in_a_unit(&value?))))
        .collect())
}

/// Where the unit lets the server write.
const STATE: &str = "/var/lib/broadside";

/// A unit that lets the server do nothing but its work (systemd.exec(5)), with the flags of this command.
fn systemd_unit(flags: &Flags) -> anyhow::Result<String> {
    if flags.data.as_deref().is_some_and(|data| data != Path::new(STATE)) {
        let message = format!("a service of systemd keeps its data in {STATE}, the only place where it may write");
        return Err(Refusal::new("data", message)
            .next("leave --data out, and move an existing data directory there before the first start")
            .into());
    }
    let program =
        std::env::current_exe().map_or_else(|_| "/usr/local/bin/broadside".into(), |path| path.display().to_string());
    let given = arguments(flags)?;
    Ok(format!(
        "# Save as /etc/systemd/system/broadside.service, then: systemctl enable --now broadside
[Unit]
Description=Broadside publishing server
Documentation=https://github.com/broadside-server/broadside
After=network-online.target
Wants=network-online.target
# However often it ends, as on a full disk, it comes back when it can.
StartLimitIntervalSec=0

[Service]
ExecStart={program} serve --data {STATE}{given}
DynamicUser=yes
StateDirectory=broadside
StateDirectoryMode=0700
UMask=0077
Restart=on-failure
RestartSec=5
KillSignal=SIGTERM
# Sends under way may end: publisher.drain and some more.
TimeoutStopSec=120
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target"
    ))
}
