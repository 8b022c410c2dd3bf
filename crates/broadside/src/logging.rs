//! Logs on standard error: text for people, JSON for machines.

use std::fmt;
use std::io::IsTerminal;

use anyhow::{Context, ensure};
use api::CurrentRequest;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// What is logged: a level, and others for parts of the program. By target alone: a filter that knows spans takes a lock
/// whenever one is entered.
///
/// # Errors
/// When a level is none.
pub(crate) fn filter(level: &str) -> anyhow::Result<Targets> {
    let parts = level.split(',').map(str::trim);
    for part in parts.filter(|part| !part.contains('=')) {
        // The parser takes a word that is no level for the name of a part of the program.
        let is_level = !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        ensure!(
            is_level,
            "log.level '{level}': '{part}' is no level; there are off, error, warn, info, debug and trace"
        );
    }
    level.parse().with_context(|| format!("log.level '{level}'"))
}

/// Lines of text name the request before what they say.
struct TextOfRequest(DefaultFields);

impl<'w> FormatFields<'w> for TextOfRequest {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        CurrentRequest::with(|request| write!(writer, "{request}: ")).transpose()?;
        self.0.format_fields(writer, fields)
    }
}

/// Lines of JSON have the request as their first member.
struct JsonOfRequest<F>(F);

impl<S, N, F> FormatEvent<S, N> for JsonOfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(request) = CurrentRequest::with(serde_json::to_string) else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        match (request, line.strip_prefix('{')) {
            (Ok(request), Some(members)) => write!(writer, "{{\"request\":{request},{members}"),
            _ => writer.write_str(&line),
        }
    }
}

/// What writes lines of this format.
fn lines<S, W>(format: LogFormat, writer: W, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            let lines = lines.with_current_span(false).with_span_list(false);
            lines.map_event_format(JsonOfRequest).boxed()
        }
        LogFormat::Text => {
            let fields = TextOfRequest(DefaultFields::new());
            lines.with_ansi(colours).fmt_fields(fields).boxed()
        }
    }
}

/// Sends the events of this process to standard error from now on.
///
/// # Errors
/// When the level cannot be understood.
pub(crate) fn init(log: &Log) -> anyhow::Result<()> {
    let filtered = tracing_subscriber::registry().with(filter(&log.level)?);
    let lines = lines(log.format, std::io::stderr, std::io::stderr().is_terminal());
    // A second initialisation in one process, as tests make it, changes nothing.
    let _ = filtered.with(lines).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use serde_json::json;
    use tower::Service;
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_for_everything_and_directives_are_for_parts() {
        let plain = filter("info").unwrap();
        assert!(plain.would_enable("engine", &Level::INFO) && !plain.would_enable("engine", &Level::DEBUG));
        let parts = filter("warn,engine=debug").unwrap();
        assert!(parts.would_enable("engine::publisher", &Level::DEBUG));
        assert!(!parts.would_enable("api", &Level::INFO));
    }

    /// Collects lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by a line outside of requests and one inside of one.
    async fn logged(format: LogFormat) -> Vec<String> {
        let kept = Lines::default();
        let writer = kept.clone();
        let lines = lines(format, move || writer.clone(), false);
        let _guard = tracing_subscriber::registry().with(lines).set_default();
        tracing::info!(posts = 2, "outside");
        let routes = Router::new().route("/here", get(async || tracing::info!(posts = 3, "inside")));
        let request = Request::get("/here").header("x-request-id", "mine").body(Body::empty());
        api::Origin::new(routes, 7).call(request.unwrap()).await.unwrap();
        let kept = kept.0.lock().unwrap().clone();
        let kept = String::from_utf8(kept).unwrap();
        kept.lines().map(ToOwned::to_owned).collect()
    }

    #[tokio::test]
    async fn a_line_of_text_names_the_request_that_it_belongs_to() {
        let lines = logged(LogFormat::Text).await;
        let [outside, inside] = lines.as_slice() else {
            panic!("{lines:?}")
        };
        assert!(
            outside.ends_with("broadside::logging::tests: outside posts=2"),
            "{outside}"
        );
        let named = "broadside::logging::tests: request{id=mine method=GET path=/here}: inside posts=3";
        assert!(inside.ends_with(named), "{inside}");
    }

    #[tokio::test]
    async fn a_line_of_json_has_the_request_that_it_belongs_to() {
        let lines = logged(LogFormat::Json).await;
        let read = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let lines: Vec<_> = lines.iter().map(read).collect();
        assert_eq!((lines.len(), lines[0].get("request")), (2, None));
        assert_eq!(
            lines[1]["request"],
            json!({ "id": "mine", "method": "GET", "path": "/here" })
        );
        assert_eq!(
            (&lines[1]["message"], &lines[1]["posts"]),
            (&json!("inside"), &json!(3))
        );
    }

    #[test]
    fn what_is_no_level_is_refused_by_its_setting() {
        for level in ["engine=loud", "loud", "", "info,"] {
            let refused = format!("{:#}", filter(level).unwrap_err());
            assert!(refused.starts_with(&format!("log.level '{level}'")), "{refused}");
        }
    }
}
