//! `broadside posts` and `broadside show`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use super::output::{Output, Tone, short, table};
use crate::admin::view::{GroupView, PostView};
use crate::admin::{Reply, Request, unexpected};

/// Lists what was posted and what is planned, the newest first.
#[derive(Debug, Args)]
pub(super) struct Posts {
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
    /// How many, at most 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

/// Shows one group of posts with its results.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The id of a group, or of one of its posts
    id: String,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
}

impl Posts {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let request = Request::Posts {
            user: self.user,
            limit: self.limit,
        };
        let Reply::Groups { groups, total } = context.door().await?.ask(request).await? else {
            return Err(unexpected());
        };
        context
            .out
            .show(&json!({ "groups": groups, "total": total }), || list(&groups, total));
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let request = Request::Show {
            user: self.user,
            id: self.id,
        };
        let Reply::Group(group) = context.door().await?.ask(request).await? else {
            return Err(unexpected());
        };
        context.out.show(&group, || show(context.out, &group));
        Ok(ExitCode::SUCCESS)
    }
}

fn list(groups: &[GroupView], total: u64) -> String {
    if groups.is_empty() {
        return "nothing was posted yet\n  next: broadside post --all \"Hello\"".to_owned();
    }
    let row = |group: &GroupView| {
        let time = group.planned_at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
        vec![group.id.to_string(), time, summary(group), short(&group.text, 48)]
    };
    let shown = table(
        &["ID", "TIME", "RESULT", "TEXT"],
        &groups.iter().map(row).collect::<Vec<_>>(),
    );
    let hidden = total.saturating_sub(groups.len() as u64);
    if hidden == 0 {
        shown
    } else {
        format!("{shown}\nand {hidden} more; --limit shows more")
    }
}

/// How many of a group's posts are in which state.
fn summary(group: &GroupView) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for post in &group.posts {
        match counts.iter_mut().find(|(status, _)| *status == post.status) {
            Some((_, count)) => *count += 1,
            None => counts.push((&post.status, 1)),
        }
    }
    counts
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A group with its posts.
pub(super) fn show(out: Output, group: &GroupView) -> String {
    let time = group
        .planned_at
        .map_or_else(|| "a draft without a time".to_owned(), |at| format!("{at:.0}"));
    let media = if group.media > 0 {
        format!("  ({} files)", group.media)
    } else {
        String::new()
    };
    let mut lines = vec![
        format!("{}  {time}{media}", group.id),
        format!("  {}", short(&group.text, 100)),
    ];
    lines.extend(group.posts.iter().map(|post| post_lines(out, post)));
    lines.join("\n")
}

/// A post in some lines: what became of it and of its first comment, why, and what to do.
pub(super) fn post_lines(out: Output, post: &PostView) -> String {
    let (mark, tone) = match post.status.as_str() {
        "published" => ("✓", Tone::Good),
        "failed" | "missed" => ("✗", Tone::Bad),
        "unconfirmed" | "reconciling" => ("?", Tone::Doubtful),
        _ => ("·", Tone::Faint),
    };
    let name = format!("{} {}", post.platform, post.account);
    let told = match (&post.url, &post.error) {
        (Some(url), None) => url.clone(),
        (_, Some(error)) => error.message.clone(),
        (None, None) => post.remote_id.clone().unwrap_or_default(),
    };
    let mut line = format!("{} {name:<32} {:<12} {told}", out.toned(tone, mark), post.status);
    if let Some(at) = post.next_at.filter(|_| !post.done) {
        line = format!("{} (next at {at:.0})", line.trim_end());
    }
    let mut lines = line.trim_end().to_owned();
    if let Some(told) = &post.first_comment {
        lines.push_str(&format!("\n    its first comment {told}"));
    }
    if let Some(step) = post.next_step() {
        lines.push_str(&format!("\n    next: {step}"));
    }
    lines
}
