//! Beginning a connection: what has to be entered first, and where the browser goes then.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::account::Account;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::Error;
use engine::accounts::{ConnectWith, Credentials, Field, Means, Outcome, Ready, Reason, StartSignIn};

use super::arrive::leave;
use super::disconnect::find;
use super::{Notice, Open, Shown, base, rendered, see_other, wall, words};
use crate::state::ApiState;

/// What a person enters has at most so many characters.
const INPUT_CHARS_MAX: usize = 2_000;

/// The word for the way in a form: what the platform's first way is, or credentials.
const BY_BROWSER: &str = "browser";
const BY_CREDENTIALS: &str = "credentials";

#[derive(Template)]
#[template(path = "connect/fields.html")]
struct Fields<'a> {
    base: &'a str,
    name: &'static str,
    word: &'static str,
    account: Option<String>,
    account_id: Option<String>,
    error: Option<&'a str>,
    ways: Vec<Way>,
    start: String,
    page: String,
}

/// A way to connect, as a form.
struct Way {
    by: &'static str,
    title: String,
    button: String,
    fields: Vec<Entry>,
}

/// A field as it is shown.
struct Entry {
    id: String,
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    placeholder: &'static str,
    is_secret: bool,
    is_required: bool,
    is_wrong: bool,
    value: String,
}

/// What somebody wants to connect, and what was entered for it.
struct Wish {
    ready: Ready,
    account: Option<Account>,
    by: Option<String>,
    inputs: BTreeMap<String, String>,
}

impl Wish {
    /// Reads a form or a query: the platform, the account that is to be connected again, and everything else.
    async fn read(api: &ApiState, open: &Open, mut form: BTreeMap<String, String>) -> Result<Self, Notice> {
        let unknown = || Notice::platform_unknown(open.path(api, ""));
        let word = form.remove("platform").unwrap_or_default();
        let platform: Platform = word.parse().map_err(|_| unknown())?;
        let mut platforms = api.engine.connect_platforms().into_iter();
        let ready = platforms.find(|ready| ready.platform == platform && ready.is_ready() && open.offers(platform));
        let ready = ready.ok_or_else(unknown)?;
        let account = match form.remove("account") {
            Some(id) => Some(find(api, open, &id).await?.account),
            None => None,
        };
        if account.as_ref().is_some_and(|account| account.platform != platform) {
            return Err(unknown());
        }
        let by = form.remove("by");
        let mut inputs = form;
        inputs.retain(|_, text| !text.trim().is_empty());
        for text in inputs.values_mut() {
            *text = text.trim().chars().take(INPUT_CHARS_MAX).collect();
        }
        let wish = Self {
            ready,
            account,
            by,
            inputs,
        };
        Ok(wish.remembering())
    }

    /// What a person need not enter again for an account that is known.
    fn remembering(mut self) -> Self {
        let Some(account) = &self.account else { return self };
        let known = [
            ("server", account.identity.base_url.as_ref()),
            ("handle", Some(&account.identity.username)),
            // Channels may change their public name, or have none.
            (
                "identifier",
                Some(if account.platform == Platform::Telegram {
                    &account.identity.remote_id
                } else {
                    &account.identity.username
                }),
            ),
        ];
        for (name, value) in known {
            if let Some(value) = value
                && self.fields().any(|field| field.name == name)
            {
                self.inputs.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
        self
    }

    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.ready.means.iter().flat_map(|means| fields_of(means))
    }

    /// The way that was chosen; the platform's first without a word.
    fn means(&self) -> Option<&'static Means> {
        let is_meant = |means: &&&'static Means| match self.by.as_deref() {
            Some(BY_CREDENTIALS) => matches!(means, Means::Credentials(_)),
            Some(_) => !matches!(means, Means::Credentials(_)),
            None => true,
        };
        let means: Vec<&'static Means> = self.ready.means.iter().collect();
        means.iter().find(is_meant).copied()
    }

    /// The first field of a way that something must be entered into, and nothing was.
    fn lacks(&self, means: &'static Means) -> Option<&'static Field> {
        let is_empty = |field: &&Field| is_required(means, field) && !self.inputs.contains_key(field.name);
        fields_of(means).iter().find(is_empty)
    }
}

/// Without a secret there is nothing to connect with; whether a name is needed besides, the platform says (Telegram finds
/// the chat by itself).
fn is_required(means: &Means, field: &Field) -> bool {
    field.secret || matches!(means, Means::OAuthAt(_))
}

fn fields_of(means: &'static Means) -> &'static [Field] {
    match means {
        Means::OAuth => &[],
        Means::OAuthAt(field) => std::slice::from_ref(field),
        Means::Credentials(fields) => fields,
    }
}

/// `GET /connect/{token}/start?platform=…&account=…`: what has to be entered.
pub(super) async fn fields(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Shown {
    let open = Open::by(&api, &token).await?;
    let wish = Wish::read(&api, &open, query).await?;
    Ok(wall::tie(&api, &token, form(&api, &open, &wish, None)))
}

/// `POST /connect/{token}/start`.
pub(super) async fn begin(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(entered): Form<BTreeMap<String, String>>,
) -> Shown {
    let open = Open::by(&api, &token).await?;
    if !wall::is_from_page(&headers, &token) {
        return Err(Notice::not_from_page(open.path(&api, "")));
    }
    let wish = Wish::read(&api, &open, entered).await?;
    let Some(means) = wish.means() else {
        return Err(Notice::platform_unknown(open.path(&api, "")));
    };
    if let Some(field) = wish.lacks(means) {
        let error = format!("“{}” is needed.", field.label);
        return Ok(form(&api, &open, &wish, Some((&error, field.name))));
    }
    let begun = match means {
        Means::Credentials(_) => return with_credentials(&api, &headers, &open, &wish, means).await,
        Means::OAuth | Means::OAuthAt(_) => api.engine.start_sign_in(start(&open, &wish)).await,
    };
    match begun {
        Ok(address) => Ok(see_other(address.as_str())),
        Err(error) => refused(&api, &open, &wish, means, error),
    }
}

fn start(open: &Open, wish: &Wish) -> StartSignIn {
    StartSignIn {
        owner: open.link.owner,
        platform: wish.ready.platform,
        inputs: wish.inputs.clone(),
        link: Some(open.link.clone()),
        account: wish.account.as_ref().map(|account| account.id),
        return_to: None,
        browser: Some(SecretText::new(open.token.clone())),
    }
}

async fn with_credentials(
    api: &ApiState,
    headers: &HeaderMap,
    open: &Open,
    wish: &Wish,
    means: &'static Means,
) -> Shown {
    let command = ConnectWith {
        owner: open.link.owner,
        platform: wish.ready.platform,
        base_url: wish.inputs.get("server").cloned(),
        credentials: Credentials::from_inputs(&wish.inputs),
        link: Some(open.link.clone()),
        account: wish.account.as_ref().map(|account| account.id),
    };
    let end = match api.engine.connect_with_credentials(command).await {
        Ok(end) => end,
        Err(error) => return refused(api, open, wish, means, error),
    };
    match (&end.outcome, fields_of(means).first()) {
        // What was entered can be corrected here and now.
        (Outcome::Failed(failure), Some(field)) if failure.reason != Reason::NotConfigured => {
            Ok(form(api, open, wish, Some((&failure.words, field.name))))
        }
        _ => leave(api, headers, end).await,
    }
}

/// What the platform or the engine refused: said beside the fields, where there are some to correct.
fn refused(api: &ApiState, open: &Open, wish: &Wish, means: &'static Means, error: Error) -> Shown {
    let is_correctable = matches!(error, Error::Platform(_) | Error::Invalid(_));
    match fields_of(means).first() {
        Some(field) if is_correctable => Ok(form(api, open, wish, Some((&error.to_string(), field.name)))),
        _ => Err(Notice::from(error).back_to(Some(open.path(api, "")))),
    }
}

/// The fields, with what is wrong and where, when something is.
fn form(api: &ApiState, open: &Open, wish: &Wish, wrong: Option<(&str, &str)>) -> Response {
    let platform = wish.ready.platform;
    let page = Fields {
        base: base(api),
        name: platform.name(),
        word: platform.word(),
        account: wish.account.as_ref().map(words::name),
        account_id: wish.account.as_ref().map(|account| account.id.to_string()),
        error: wrong.map(|(words, _)| words),
        ways: wish
            .ready
            .means
            .iter()
            .enumerate()
            .map(|(at, means)| way(at, means, wish, wrong.map(|(_, field)| field)))
            .collect(),
        start: open.path(api, "/start"),
        page: open.path(api, ""),
    };
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    rendered(status, &page)
}

fn way(at: usize, means: &'static Means, wish: &Wish, wrong: Option<&str>) -> Way {
    let name = wish.ready.platform.name();
    let (by, title, button) = match means {
        Means::OAuth | Means::OAuthAt(_) => (BY_BROWSER, format!("Sign in at {name}"), format!("Continue to {name}")),
        Means::Credentials(_) if at > 0 => (
            BY_CREDENTIALS,
            format!("Or connect {name} without signing in there"),
            format!("Connect {name}"),
        ),
        Means::Credentials(_) => (BY_CREDENTIALS, "What is needed".to_owned(), format!("Connect {name}")),
    };
    let entry = |field: &'static Field| Entry {
        id: format!("{by}-{}", field.name),
        name: field.name,
        label: field.label,
        hint: field.hint,
        placeholder: field.placeholder,
        is_secret: field.secret,
        is_required: is_required(means, field),
        is_wrong: wrong == Some(field.name),
        // A secret is never sent back.
        value: if field.secret {
            String::new()
        } else {
            wish.inputs.get(field.name).cloned().unwrap_or_default()
        },
    };
    Way {
        by,
        title,
        button,
        fields: fields_of(means).iter().map(entry).collect(),
    }
}
