//! Carries out one step of a fact.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::Server;
use super::client::{self, Outgoing};
use super::expect::Message;
use super::fact::{Host, Request, Step};
use super::paths;
use super::receiver::Receiver;
use super::vars::Variables;

/// Fills in the variables, sends or waits, checks, and saves for the steps after it.
pub(super) async fn run(
    server: &Server,
    step: &Value,
    variables: &mut Variables,
    receiver: Option<&mut Receiver>,
) -> Result<(), String> {
    let step = Step::parse(&variables.fill(step)?)?;
    let (message, expect, save) = match &step {
        Step::Request(step) => {
            let request = outgoing(&step.request, &server.base_url)?;
            (
                client::send(&request, server.clock.as_ref()).await?,
                &step.expect,
                &step.save,
            )
        }
        Step::Receive(step) => {
            let receiver = receiver.ok_or("nothing listens for deliveries")?;
            (
                receiver.take(&step.receive, step.within_s).await?,
                &step.expect,
                &step.save,
            )
        }
    };
    expect.check(&message)?;
    for (name, from) in save {
        let text = saved(&message, from).map_err(|why| format!("save {name}: {why}"))?;
        variables.save(name, text);
    }
    Ok(())
}

fn saved(message: &Message, from: &Value) -> Result<String, String> {
    let from = from.as_str().ok_or("it does not say from where")?;
    if let Some(name) = from.strip_prefix("header:") {
        return message
            .header(name)
            .next()
            .map(str::to_owned)
            .ok_or_else(|| format!("there is no header {name}"));
    }
    let json = message.json()?;
    match paths::values(&json, from)?.as_slice() {
        [Value::String(text)] => Ok(text.clone()),
        other => Err(format!("{from} does not lead to one text: {other:?}")),
    }
}

fn outgoing(request: &Request, base_url: &str) -> Result<Outgoing, String> {
    let mut headers = texts(&request.headers, "headers")?;
    let body = match (&request.body, &request.raw_base64) {
        (Some(json), _) => Some(serde_json::to_vec(json).map_err(|error| error.to_string())?),
        (None, Some(raw)) => Some(BASE64.decode(raw).map_err(|error| format!("rawBase64: {error}"))?),
        (None, None) => None,
    };
    if request.body.is_some()
        && !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    let mut url = address(request, base_url)?;
    let query = texts(&request.query, "query")?;
    if !query.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(
            &url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(query)
                .finish(),
        );
    }
    Ok(Outgoing {
        method: request.method.clone(),
        url,
        headers,
        body,
    })
}

/// The absolute address: as it is, under the MCP service, or under the REST API.
fn address(request: &Request, base_url: &str) -> Result<String, String> {
    let path = request.path.as_str();
    match request.host {
        _ if path.starts_with("http") => Ok(path.to_owned()),
        _ if !path.starts_with('/') => Err(format!("the path {path} does not start with /")),
        Some(Host::Mcp) if matches!(path, "/" | "/mcp") => Ok(format!("{base_url}/mcp")),
        Some(Host::Mcp) => Ok(format!("{base_url}/mcp{path}")),
        None => Ok(format!("{base_url}/api/v1{path}")),
    }
}

fn texts(map: &Map<String, Value>, what: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |(name, value): (&String, &Value)| {
        let text = value.as_str().ok_or_else(|| format!("{what}: {name} is no text"))?;
        Ok((name.clone(), text.to_owned()))
    };
    map.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    fn sent(request: &Value) -> Result<Outgoing, String> {
        outgoing(&Request::deserialize(request).unwrap(), "http://h:1")
    }

    #[test]
    fn paths_lead_to_the_rest_api_the_mcp_service_or_anywhere() {
        let url = |request: Value| sent(&request).unwrap().url;
        assert_eq!(
            url(json!({"method": "GET", "path": "/list-posts"})),
            "http://h:1/api/v1/list-posts"
        );
        assert_eq!(
            url(json!({"method": "GET", "path": "/", "host": "mcp"})),
            "http://h:1/mcp"
        );
        assert_eq!(
            url(json!({"method": "GET", "path": "/mcp", "host": "mcp"})),
            "http://h:1/mcp"
        );
        assert_eq!(
            url(json!({"method": "GET", "path": "/health", "host": "mcp"})),
            "http://h:1/mcp/health"
        );
        assert_eq!(
            url(json!({"method": "PUT", "path": "http://o:2/x?y=z"})),
            "http://o:2/x?y=z"
        );
        assert_eq!(
            url(json!({"method": "GET", "path": "/a", "query": {"q": "x y&z"}})),
            "http://h:1/api/v1/a?q=x+y%26z"
        );
        assert!(sent(&json!({"method": "GET", "path": "a"})).is_err());
    }

    #[test]
    fn a_json_body_names_its_type_and_raw_bytes_do_not() {
        let json_body = sent(&json!({"method": "POST", "path": "/", "body": {"a": null}})).unwrap();
        assert_eq!(json_body.body.as_deref(), Some(b"{\"a\":null}".as_slice()));
        assert_eq!(
            json_body.headers,
            [("Content-Type".to_owned(), "application/json".to_owned())]
        );
        let null = sent(&json!({"method": "POST", "path": "/", "body": null})).unwrap();
        assert_eq!(null.body.as_deref(), Some(b"null".as_slice()));
        let named = json!({"method": "POST", "path": "/", "headers": {"content-type": "text/plain"}, "body": 1});
        assert_eq!(sent(&named).unwrap().headers.len(), 1);
        let raw = sent(&json!({"method": "PUT", "path": "/", "rawBase64": "/w=="})).unwrap();
        assert_eq!((raw.body.as_deref(), raw.headers.len()), (Some([0xff].as_slice()), 0));
        assert!(sent(&json!({"method": "PUT", "path": "/", "rawBase64": "!"})).is_err());
        assert!(sent(&json!({"method": "GET", "path": "/", "headers": {"x": 1}})).is_err());
    }
}
