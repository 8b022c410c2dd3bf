//! What the command line asks a server, and what it answers: one JSON object a line.

use std::net::SocketAddr;

use domain::account::{Account, ApiKey};
use domain::content::Media;
use domain::ids::UserId;
use domain::log::LogRecord;
use domain::platform::Platform;
use domain::webhook::{Delivery, Webhook};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use super::hush::Hush;
pub use super::refusal::Refusal;
use super::view::{AccountView, CheckView, GroupView, LinkView};

/// The longest request or answer line, in bytes.
pub const LINE_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// A request. Users are named; without a name the only user there is counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who is there?
    Hello,
    /// Adds a user.
    UserAdd {
        /// Its name.
        name: String,
        /// The word of its plan; absent for that of new users.
        #[serde(default)]
        plan: Option<String>,
    },
    /// Makes a user's consent to be managed by another.
    UserConsent {
        /// Its name.
        name: String,
        /// How long it holds.
        expires_in: Option<SignedDuration>,
    },
    /// Lists users.
    UserList,
    /// What a user may do, and changes to it.
    UserPlan {
        /// Its name.
        name: String,
        /// What is to be different.
        #[serde(default)]
        change: PlanChange,
    },
    /// Removes a user with everything it has.
    UserRemove {
        /// Its name.
        name: String,
    },
    /// Connects the account that credentials stand for.
    AccountAdd {
        /// Whose it will be.
        user: Option<String>,
        /// Where.
        platform: Platform,
        /// The account's own server, where the platform has many.
        base_url: Option<String>,
        /// An access token or bot token.
        token: Option<Hush>,
        /// A refresh token.
        refresh_token: Option<Hush>,
        /// A handle, e-mail address or chat id.
        identifier: Option<String>,
        /// An app password.
        password: Option<Hush>,
        /// When the token ends, where that is known.
        #[serde(default)]
        expires_at: Option<Timestamp>,
    },
    /// Makes a page on which accounts are connected with a browser.
    AccountConnect {
        /// Whose they will be.
        user: Option<String>,
        /// The platforms that the page offers; empty for all that are ready.
        platforms: Vec<Platform>,
        /// The account that is to be connected again: the page offers its platform alone.
        account: Option<String>,
        /// Where the page leads back to.
        return_to: Option<String>,
        /// How long it works.
        expires_in: Option<SignedDuration>,
    },
    /// Asks the platform what an account is and may do.
    AccountCheck {
        /// Whose.
        user: Option<String>,
        /// `platform:name`, or its id.
        account: String,
    },
    /// Lists accounts and how they are doing.
    AccountList {
        /// Whose; absent means everybody's.
        user: Option<String>,
    },
    /// The history of connections, newest first.
    AccountLog {
        /// Whose.
        user: Option<String>,
        /// Of this account alone.
        account: Option<String>,
        /// Of this platform alone.
        platform: Option<Platform>,
        /// At most so many (100).
        limit: u32,
    },
    /// Disconnects an account.
    AccountRemove {
        /// Whose.
        user: Option<String>,
        /// `platform:name`, or its id.
        account: String,
    },
    /// Makes an API key, and the user `me` when there is no user at all.
    KeyCreate {
        /// Whose.
        user: Option<String>,
        /// The key's name.
        name: String,
        /// A key from elsewhere, to be accepted here too.
        import: Option<Hush>,
    },
    /// Lists keys.
    KeyList {
        /// Whose.
        user: Option<String>,
    },
    /// Revokes a key.
    KeyRevoke {
        /// Whose.
        user: Option<String>,
        /// Its id or its prefix.
        key: String,
    },
    /// Stores a file; its bytes follow the request's line.
    MediaPut {
        /// Whose.
        user: Option<String>,
        /// The file's name.
        name: String,
        /// How many bytes follow.
        bytes: u64,
    },
    /// Fetches a file from the web and stores it.
    MediaFetch {
        /// Whose.
        user: Option<String>,
        /// Its address.
        url: String,
    },
    /// Publishes, now or later.
    Post(NewPost),
    /// Lists groups, the newest first.
    Posts {
        /// Whose.
        user: Option<String>,
        /// At most so many (100).
        limit: u32,
    },
    /// One group, by its id or the id of one of its posts.
    Show {
        /// Whose.
        user: Option<String>,
        /// The id.
        id: String,
    },
    /// History: of a group, or the newest of a user.
    Logs {
        /// Whose.
        user: Option<String>,
        /// A group's or a post's id.
        id: Option<String>,
        /// At most so many.
        limit: u32,
    },
    /// Tries a post again, or every failed post of a group.
    Retry {
        /// Whose.
        user: Option<String>,
        /// A post's or a group's id.
        id: String,
    },
    /// Deletes a group here: what is planned is not sent, what is published stays.
    Delete {
        /// Whose.
        user: Option<String>,
        /// The group's id.
        id: String,
    },
    /// Takes a published post down from its platform, or every published post of a group.
    Retract {
        /// Whose.
        user: Option<String>,
        /// A post's or a group's id.
        id: String,
    },
    /// A person's word on a post whose outcome is unknown.
    Resolve {
        /// Whose.
        user: Option<String>,
        /// The post's id.
        id: String,
        /// Where it is live; absent means that it is to be sent again.
        published: Option<String>,
    },
    /// Adds a receiver of webhooks.
    WebhookAdd {
        /// Whose.
        user: Option<String>,
        /// Whose words it gets.
        dialect: String,
        /// Its name.
        name: String,
        /// Where messages go.
        url: String,
        /// What it listens to, in the dialect's words; empty for everything.
        events: Vec<String>,
    },
    /// Lists receivers.
    WebhookList {
        /// Whose.
        user: Option<String>,
    },
    /// Removes a receiver.
    WebhookRemove {
        /// Whose.
        user: Option<String>,
        /// Its id or name.
        webhook: String,
    },
    /// Sends a receiver a message that tells of nothing, and waits for its outcome.
    WebhookTest {
        /// Whose.
        user: Option<String>,
        /// Its id or name.
        webhook: String,
    },
    /// Messages and how they fared, newest first.
    WebhookLog {
        /// Whose.
        user: Option<String>,
        /// Of this receiver alone, by id or name.
        webhook: Option<String>,
        /// At most so many (1,000).
        limit: u32,
    },
    /// What an operator should know.
    Health,
    /// Which secrets are sealed how.
    SecretsStatus,
    /// Makes a new master key and seals everything with it.
    SecretsRotate,
}

/// A post to be made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    /// Whose.
    pub user: Option<String>,
    /// The text.
    pub text: String,
    /// Stored files.
    pub media: Vec<Media>,
    /// Replies of a thread.
    pub replies: Vec<String>,
    /// A comment under the post.
    pub first_comment: Option<String>,
    /// Settings per platform.
    pub settings: domain::content::Settings,
    /// `platform:name` or account ids; empty means every account.
    pub to: Vec<String>,
    /// When; absent means now.
    pub at: Option<Timestamp>,
}

/// Changes to a plan; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanChange {
    /// The word of a configured plan to have instead; what stands below is changed of that.
    pub give: Option<String>,
    /// The plan's name, for display.
    pub name: Option<String>,
    /// Whether the user's API keys are accepted.
    pub api_access: Option<bool>,
    /// Whether calls that say they come from an MCP server are accepted.
    pub mcp_access: Option<bool>,
    /// Whether the user may act for users that it manages.
    pub workspaces: Option<bool>,
}

/// A user as it is listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Its plan's name.
    pub plan: String,
    /// Whether its API keys are accepted.
    pub api_access: bool,
    /// Whether calls that say they come from an MCP server are accepted.
    pub mcp_access: bool,
    /// Whether it may act for users that it manages.
    pub workspaces: bool,
    /// The limits of its plan, in words.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Whose user it is, by name: that one's plan counts.
    #[serde(default)]
    pub managed_by: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A platform as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlatformHealth {
    /// Which.
    pub platform: Platform,
    /// Whether this server has a connector for it.
    pub connector: bool,
    /// Whether people can connect accounts.
    pub connectable: bool,
    /// What the operator must configure before they can, in words.
    pub unready: Option<String>,
    /// What is near its end at the platform, in words: a version of its API.
    pub sunset: Option<String>,
    /// Connected accounts.
    pub accounts: u32,
    /// Accounts that a person must connect again.
    pub reconnect: u32,
    /// What keeps connected accounts from publishing, if anything.
    pub missing: Option<String>,
}

/// What an operator should know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// The server's time.
    pub now: Timestamp,
    /// Posts due and not finished.
    pub due: u64,
    /// The watchdog's sentence, when something is overdue.
    pub warning: Option<String>,
    /// What is wrong with the database, if anything.
    pub database: Option<String>,
    /// Users there are.
    pub users: u32,
    /// Platforms.
    pub platforms: Vec<PlatformHealth>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", content = "is", rename_all = "snake_case")]
pub enum Reply {
    /// It is done and there is nothing to say.
    Done,
    /// Who is there.
    Hello {
        /// The server's process id.
        pid: u32,
        /// Its version.
        version: String,
        /// Whether it is a server, which publishes by itself.
        serving: bool,
        /// Where it listens, when it is a server.
        #[serde(default)]
        addr: Option<SocketAddr>,
    },
    /// A user.
    User(UserView),
    /// A user's consent.
    Consent {
        /// What the manager must show.
        text: Hush,
        /// Until when it holds.
        expires_at: Timestamp,
    },
    /// Users.
    Users(Vec<UserView>),
    /// An account.
    Account(Box<Account>),
    /// Accounts.
    Accounts(Vec<AccountView>),
    /// What a check came to.
    Check(Box<CheckView>),
    /// A page on which accounts are connected.
    Link(LinkView),
    /// A key just made, with its text.
    NewKey {
        /// The key.
        key: ApiKey,
        /// What callers send.
        text: Hush,
        /// Whose it is.
        user: String,
    },
    /// Keys.
    Keys(Vec<ApiKey>),
    /// A stored file.
    Media(Media),
    /// A group.
    Group(GroupView),
    /// Groups.
    Groups {
        /// The page.
        groups: Vec<GroupView>,
        /// How many there are in all.
        total: u64,
    },
    /// History.
    Logs(Vec<LogRecord>),
    /// A receiver just made, with its secret.
    NewWebhook {
        /// The receiver.
        webhook: Webhook,
        /// What messages are signed with.
        secret: Hush,
    },
    /// Receivers.
    Webhooks(Vec<Webhook>),
    /// Messages.
    Deliveries(Vec<Delivery>),
    /// Health.
    Health(Health),
    /// Secrets.
    Secrets {
        /// Where the master keys come from.
        source: String,
        /// Master keys known.
        keys: u32,
        /// Values that are sealed with an older one.
        older: u64,
    },
    /// It was refused.
    Refused(Refusal),
}
