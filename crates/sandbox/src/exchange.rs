//! One request through the sandbox: scripts, limits, authorisation, the handler, and the answer or its lack.
//!
//! A handler calls [`open`], does its work with the [`Turn`] it gets, and ends with [`Turn::close`]. Everything that
//! a fault does happens in these two, so that no emulator knows about faults beyond processing and read lag.

mod quota;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use domain::platform::Platform;
use jiff::Timestamp;

use crate::account::{Account, Grant, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::fault::{Class, Fault, Picked};
use crate::journal::{Author, Ledger, NewPost, Published, RequestLine};
use crate::limits::WindowView;
use crate::world::{Shared, World};

pub use quota::OVER_QUOTA;

/// How a platform words what the sandbox decides for it.
pub(crate) trait Dialect: Copy + Send + Sync {
    /// The platform.
    fn platform(&self) -> Platform;
    /// Its own server error with this status.
    fn server_error(&self, status: u16) -> Answer;
    /// Its 429, or what it says instead.
    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer;
    /// No token.
    fn unauthorized(&self) -> Answer;
    /// A token that it never issued.
    fn unknown_token(&self) -> Answer {
        self.unauthorized()
    }
    /// A token that has ended.
    fn expired(&self) -> Answer;
    /// A refusal of the content.
    fn rejected(&self) -> Answer;
    /// A refusal of a refresh token.
    fn refresh_refused(&self) -> Answer {
        self.unauthorized()
    }
    /// Whether a new access token can be had without the user.
    fn can_refresh(&self) -> bool {
        false
    }
    /// The scopes of which an app's token needs at least one for requests of this class; none for those it always may.
    fn scopes_for(&self, _class: Class) -> &'static [&'static str] {
        &[]
    }
    /// A token that was not granted what the request needs.
    fn missing_scope(&self) -> Answer {
        self.unauthorized()
    }
    /// Checks the caller's proof that a token bound to a key is his (RFC 9449).
    fn check_proof(&self, _world: &World, _call: &Call, _secret: &str, _grant: Option<&Grant>) -> Result<(), Answer> {
        Ok(())
    }
    /// Adds the headers that all its answers carry.
    fn stamp(&self, answer: &mut Answer, window: &WindowView, now: Timestamp);
    /// The same, for a platform whose headers name the account.
    fn stamp_for(&self, answer: &mut Answer, window: &WindowView, now: Timestamp, _account: Option<&str>) {
        self.stamp(answer, window, now);
    }
}

/// What an endpoint needs to know about its caller.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// Nothing.
    Open,
    /// A good access token; any other is refused.
    Access(Option<&'a str>),
    /// A secret of another kind; the handler refuses it in its own words.
    Other(Option<&'a str>, TokenUse),
}

impl<'a> Credential<'a> {
    fn secret(self) -> Option<(&'a str, TokenUse)> {
        match self {
            Self::Open => None,
            Self::Access(secret) => secret.map(|secret| (secret, TokenUse::Access)),
            Self::Other(secret, usage) => secret.map(|secret| (secret, usage)),
        }
    }
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Turn<D> {
    pub(crate) world: Shared,
    pub(crate) dialect: D,
    pub(crate) now: Timestamp,
    pub(crate) holder: Holder,
    /// What the presented token was granted for; none for tokens that came with the account, which may do everything.
    pub(crate) grant: Option<Arc<Grant>>,
    pub(crate) picked: Picked,
    /// What accounts of its app share, for the documented limits.
    app: String,
    window: WindowView,
    line: RequestLine,
}

/// An answer that is complete; handlers return early with it.
#[derive(Debug)]
pub(crate) struct Finished(Box<Response>);

impl IntoResponse for Finished {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Finished {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

/// What a handler returns.
pub(crate) type Handled = Result<Response, Finished>;

/// Begins a request of `class`; `text` is the post's text, for scripts that count by it.
pub(crate) async fn open<D: Dialect>(
    world: &Shared,
    dialect: D,
    call: &Call,
    credential: Credential<'_>,
    class: Class,
    text: &str,
) -> Result<Turn<D>, Finished> {
    let turn = open_in_part(world, dialect, call, credential, class, text).await?;
    if cut_after(&turn.picked).is_some() {
        return Err(turn.hang_up().into());
    }
    Ok(turn)
}

/// How many bytes of the body a script lets through, when it cuts the connection in the middle of it.
pub(crate) fn cut_after(picked: &Picked) -> Option<u64> {
    match picked.fault {
        Some(Fault::Cut { bytes }) => Some(bytes),
        _ => None,
    }
}

/// As [`open`], for a handler that reads the body itself and keeps what came before the connection is cut.
pub(crate) async fn open_in_part<D: Dialect>(
    world: &Shared,
    dialect: D,
    call: &Call,
    credential: Credential<'_>,
    class: Class,
    text: &str,
) -> Result<Turn<D>, Finished> {
    let platform = dialect.platform();
    let holder = match credential.secret() {
        Some((secret, usage)) => world.accounts().holder(platform, secret, usage, world.now()),
        None => Holder::Unknown,
    };
    let grant = credential
        .secret()
        .and_then(|(secret, _)| world.accounts().grant_of(secret));
    // Before scripts are asked, so that a proof without the server's nonce does not use up a rule.
    let unproven = match (&credential, &holder) {
        (Credential::Access(Some(secret)), Holder::Good(_)) => {
            dialect.check_proof(world, call, secret, grant.as_deref()).err()
        }
        _ => None,
    };
    let picked = match unproven {
        Some(_) => Picked::default(),
        None => world.pick(platform, holder.account().map(AsRef::as_ref), class, text),
    };
    world.pause(picked.latency_ms).await;
    let now = world.now();
    let app = quota::app_of(platform, credential);
    let (window, granted) = quota::count(world, &holder, app, class, now);
    let mut turn = Turn {
        world: Arc::clone(world),
        dialect,
        now,
        line: line_of(call, platform, class, &holder, &picked, now),
        holder,
        grant,
        picked,
        app: app.to_owned(),
        window,
    };
    if let Some(refusal) = unproven {
        return Err(turn.finish(refusal).into());
    }
    if !granted {
        turn.is_over_quota();
        let refusal = dialect.rate_limited(window.retry_after_s(now), now);
        return Err(turn.finish(refusal).into());
    }
    if let Some(fault) = turn.picked.fault.take_if(|fault| acts_before(fault)) {
        if let Fault::SlowBefore { ms } = fault {
            world.pause(ms).await;
            turn.now = world.now();
        } else {
            return Err(turn.strike(&fault, credential).into());
        }
    }
    match (&credential, &turn.holder) {
        (Credential::Access(Some(_)), Holder::Unknown) => Err(turn.finish(dialect.unknown_token()).into()),
        (Credential::Access(None), Holder::Unknown) => Err(turn.finish(dialect.unauthorized()).into()),
        (Credential::Access(_), Holder::Expired(_)) => Err(turn.finish(dialect.expired()).into()),
        (Credential::Access(_), Holder::Good(_)) => match turn.check_scope(class) {
            Ok(()) => Ok(turn),
            Err(refusal) => Err(turn.finish(refusal).into()),
        },
        _ => Ok(turn),
    }
}

/// What the journal will say about a request, as far as it is known at its beginning.
fn line_of(
    call: &Call,
    platform: Platform,
    class: Class,
    holder: &Holder,
    picked: &Picked,
    now: Timestamp,
) -> RequestLine {
    RequestLine {
        seq: 0,
        at: now,
        platform,
        account: holder.account().map(|account| account.remote_id.clone()),
        class,
        method: call.method.clone(),
        path: call.path.clone(),
        status: None,
        fault: picked.fault.as_ref().map(|fault| fault.word().to_owned()),
        commit: None,
        violation: None,
    }
}

/// Whether the fault strikes before the handler runs.
fn acts_before(fault: &Fault) -> bool {
    match fault {
        Fault::DropBefore
        | Fault::ErrorBefore { .. }
        | Fault::HtmlError { .. }
        | Fault::SlowBefore { .. }
        | Fault::RateLimit { .. }
        | Fault::ExpiredToken
        | Fault::Redirect307 { .. }
        | Fault::RejectContent
        | Fault::RefreshRefused => true,
        Fault::Custom { after, .. } => !after,
        Fault::DropAfter
        | Fault::ErrorAfter { .. }
        | Fault::Slow { .. }
        | Fault::ProcessingPolls { .. }
        | Fault::ProcessingFails
        | Fault::Malformed
        | Fault::Truncated
        | Fault::Cut { .. }
        | Fault::ReadLag { .. } => false,
    }
}

fn custom(status: u16, body: &str, content_type: Option<&str>) -> Answer {
    let answer = Answer::bytes(status, "", body.to_owned().into());
    answer.with("content-type", content_type.unwrap_or("application/json"))
}

impl<D: Dialect> Turn<D> {
    /// The account of a good token.
    pub(crate) fn account(&self) -> Result<Arc<Account>, Answer> {
        match &self.holder {
            Holder::Good(account) => Ok(Arc::clone(account)),
            Holder::Expired(_) => Err(self.dialect.expired()),
            Holder::Unknown => Err(self.dialect.unauthorized()),
        }
    }

    fn check_scope(&self, class: Class) -> Result<(), Answer> {
        let wanted = self.dialect.scopes_for(class);
        let account = self.account()?;
        if wanted.is_empty() || self.may(&account, wanted, wanted) {
            Ok(())
        } else {
            Err(self.dialect.missing_scope())
        }
    }

    /// Whether the token may do one of these: by its grant, or by what its account came with; `usual` is what tokens
    /// may do of which nothing was said.
    pub(crate) fn may(&self, account: &Account, scopes: &[&str], usual: &[&str]) -> bool {
        match &self.grant {
            Some(grant) => grant.has_any(scopes),
            None => scopes.iter().any(|scope| account.may(scope, usual)),
        }
    }

    /// Goes on as another account that the token may act for: one that was chosen in the sign-in, or, for a token that
    /// came with its account, one of the same owner. Says whether it may.
    pub(crate) fn act_as(&mut self, remote_id: &str) -> bool {
        let Holder::Good(account) = &self.holder else {
            return false;
        };
        if account.remote_id == remote_id {
            return true;
        }
        let other = match &self.grant {
            Some(grant) => {
                let mut targets = grant.targets.iter();
                targets.find(|target| target.remote_id == remote_id).cloned()
            }
            None => {
                let known = self.world.accounts().by_id(account.platform, remote_id);
                known.filter(|known| known.owner() == account.owner())
            }
        };
        let may = other.is_some();
        if let Some(other) = other {
            self.holder = Holder::Good(other);
        }
        may
    }

    /// Makes a post; a journal that cannot be written makes it a 503.
    pub(crate) fn commit(&mut self, ledger: &mut Ledger, new: NewPost) -> Result<Arc<Published>, Answer> {
        let account = self.account()?;
        let author = Author {
            platform: self.dialect.platform(),
            account: &account.remote_id,
            at: self.now,
            read_lag_s: self.picked.read_lag_s,
        };
        match ledger.commit(&author, new) {
            Ok(post) => {
                self.line.commit = Some(post.seq);
                Ok(post)
            }
            Err(error) => {
                tracing::error!(%error, "the sandbox's journal cannot be written");
                Err(self.dialect.server_error(503))
            }
        }
    }

    /// Deletes a post; a journal that cannot be written makes it a 503.
    pub(crate) fn delete(&self, ledger: &mut Ledger, post: &Published) -> Result<(), Answer> {
        ledger
            .delete(post.seq, self.now)
            .map_err(|_| self.dialect.server_error(503))
    }

    /// Notes that the request breaks the platform's contract in a way that a client's author must hear of.
    pub(crate) fn violates(&mut self, what: &str) {
        self.line.violation = Some(format!("CONTRACT_VIOLATION: {what}"));
    }

    /// Whether reads show the post by now.
    pub(crate) fn shows(&self, post: &Published) -> bool {
        !post.deleted && post.visible_at <= self.now
    }

    fn strike(self, fault: &Fault, credential: Credential<'_>) -> Response {
        let dialect = self.dialect;
        match fault {
            Fault::DropBefore => self.hang_up(),
            Fault::ErrorBefore { status } => self.finish(dialect.server_error(*status)),
            Fault::HtmlError { status } => self.finish(Answer::html(*status)),
            Fault::RateLimit { retry_after_s } => {
                let refusal = dialect.rate_limited(*retry_after_s, self.now);
                self.finish_unstamped(refusal)
            }
            Fault::ExpiredToken => {
                if let (true, Some((secret, _))) = (dialect.can_refresh(), credential.secret()) {
                    self.world.accounts().kill(secret, self.now);
                }
                self.finish(dialect.expired())
            }
            Fault::Redirect307 { to } => {
                self.finish(Answer::bytes(307, "text/plain", "".into()).with("location", to.clone()))
            }
            Fault::RejectContent => self.finish(dialect.rejected()),
            Fault::RefreshRefused => self.finish(dialect.refresh_refused()),
            Fault::Custom {
                status,
                body,
                content_type,
                ..
            } => {
                let answer = custom(*status, body, content_type.as_deref());
                self.finish(answer)
            }
            other => {
                tracing::error!(fault = other.word(), "this fault does not act before the handler");
                self.finish(dialect.server_error(500))
            }
        }
    }

    /// Ends the request: applies what strikes after the handler, adds the platform's headers, notes it.
    pub(crate) async fn close(mut self, answer: Result<Answer, Answer>) -> Response {
        let answer = answer.unwrap_or_else(|refusal| refusal);
        let dialect = self.dialect;
        match self.picked.fault.take() {
            Some(Fault::DropAfter | Fault::Cut { .. }) => self.hang_up(),
            Some(Fault::ErrorAfter { status }) => self.finish(dialect.server_error(status)),
            Some(Fault::Slow { ms }) => {
                self.world.pause(ms).await;
                self.finish(answer)
            }
            Some(Fault::Malformed) => {
                let broken = Answer::bytes(answer.status, "application/json", "{\"id\": <".into());
                self.finish(broken)
            }
            Some(Fault::Truncated) => {
                let answer = self.stamped(answer);
                self.note(Some(answer.status));
                answer.into_truncated()
            }
            Some(Fault::Custom {
                status,
                body,
                content_type,
                ..
            }) => self.finish(custom(status, &body, content_type.as_deref())),
            _ => self.finish(answer),
        }
    }

    fn stamped(&self, mut answer: Answer) -> Answer {
        let account = self.line.account.as_deref();
        self.dialect.stamp_for(&mut answer, &self.window, self.now, account);
        dated(answer, self.world.now())
    }

    fn finish(self, answer: Answer) -> Response {
        let answer = self.stamped(answer);
        self.finish_stamped(answer)
    }

    /// For refusals whose own headers would be overwritten by the usual ones.
    fn finish_unstamped(self, answer: Answer) -> Response {
        let answer = dated(answer, self.world.now());
        self.finish_stamped(answer)
    }

    fn finish_stamped(self, answer: Answer) -> Response {
        self.note(Some(answer.status));
        answer.into_response()
    }

    pub(crate) fn hang_up(self) -> Response {
        self.note(None);
        Answer::hang_up()
    }

    fn note(self, status: Option<u16>) {
        let world: &World = &self.world;
        world.ledger().note_request(RequestLine { status, ..self.line });
    }
}

/// Platforms' clocks are read off the Date header, so it follows the sandbox's clock.
fn dated(answer: Answer, now: Timestamp) -> Answer {
    answer.with("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}
