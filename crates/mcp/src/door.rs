//! What every client meets, over HTTP and over stdio: what this server is, its tools, and calls of them.

use std::sync::Arc;

use axum::http::request;
use domain::secret::SecretText;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, InitializeResult, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};

use crate::arguments;
use crate::catalogue::Catalogue;
use crate::outcome;
use crate::upstream::Upstream;

/// What the original calls itself; programs may look for it.
const NAME: &str = "publora";
const VERSION: &str = "1.0.0";

/// The key of one HTTP request, on its way through the protocol's own layers.
#[derive(Debug, Clone)]
pub(crate) struct CallerKey(pub(crate) SecretText);

/// The tools, as one client or one request meets them.
#[derive(Clone)]
pub(crate) struct Door {
    catalogue: Catalogue,
    upstream: Arc<dyn Upstream>,
    /// The key of all calls; over HTTP each brings its own.
    key: Option<SecretText>,
}

impl Door {
    pub(crate) const fn new(catalogue: Catalogue, upstream: Arc<dyn Upstream>, key: Option<SecretText>) -> Self {
        Self {
            catalogue,
            upstream,
            key,
        }
    }

    /// The key to call with: over HTTP that of the very request, never one that an earlier request brought.
    fn key_of(&self, context: &RequestContext<RoleServer>) -> Option<SecretText> {
        let of_request = || {
            let parts = context.extensions.get::<request::Parts>()?;
            Some(parts.extensions.get::<CallerKey>()?.0.clone())
        };
        self.key.clone().or_else(of_request)
    }
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        InitializeResult::new(capabilities).with_server_info(Implementation::new(NAME, VERSION))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let mut tools = self.catalogue.tools().iter();
        tools.find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.catalogue.tools().to_vec()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(spec) = self.catalogue.find(&call.name) else {
            return Err(ErrorData::invalid_params(format!("Tool {} not found", call.name), None));
        };
        let ask = match arguments::ask(spec, &call.arguments.unwrap_or_default()) {
            Ok(ask) => ask,
            Err(invalid) => return Ok(outcome::failure(invalid.to_string()).into()),
        };
        let key = self.key_of(&context);
        let answered = self.upstream.ask(key.as_ref(), ask).await;
        let result = match answered {
            Ok(answer) => outcome::result(&answer, spec.member),
            Err(unreachable) => outcome::failure(unreachable.to_string()),
        };
        Ok(result.into())
    }
}

/// Why serving over standard input and output ended early.
#[derive(Debug, thiserror::Error)]
#[error("the client on standard input did not begin as the protocol says: {0}")]
pub struct StdioEnded(String);

/// Serves one client over standard input and output until it closes its end.
///
/// # Errors
/// When the client does not begin as the protocol says.
pub async fn serve_stdio(catalogue: Catalogue, upstream: Arc<dyn Upstream>, key: SecretText) -> Result<(), StdioEnded> {
    let door = Door::new(catalogue, upstream, Some(key));
    let served = rmcp::serve_server(door, rmcp::transport::stdio()).await;
    let running = served.map_err(|error| StdioEnded(error.to_string()))?;
    if let Err(error) = running.waiting().await {
        tracing::error!(%error, "the tools ended badly");
    }
    Ok(())
}
