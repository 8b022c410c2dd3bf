//! What a user may do.

use serde::{Deserialize, Serialize};

/// Entitlements of a user. The default grants everything that the server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The plan's name, for display.
    pub name: String,
    /// Whether API keys of this user are accepted.
    #[serde(default = "granted")]
    pub api_access: bool,
    /// Whether calls that say they come from an MCP server are accepted.
    #[serde(default = "granted")]
    pub mcp_access: bool,
    /// Whether it may act for users that it manages.
    #[serde(default)]
    pub workspaces: bool,
}

const fn granted() -> bool {
    true
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: "Self-hosted".to_owned(),
            api_access: true,
            mcp_access: true,
            workspaces: false,
        }
    }
}

/// Posts counted against a plan: targets that became scheduled in a calendar month (UTC), less those taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Targets counted for the month.
    pub posts: u64,
}
