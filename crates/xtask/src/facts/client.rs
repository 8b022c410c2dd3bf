//! Sends one request on a connection of its own. Nothing is added to what a fact says but what HTTP cannot do without.

use std::time::Duration;

use domain::clock::Clock;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::expect::Message;
use super::http::{Otherwise, Reader};

/// From the start of connecting to the last byte of the answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// A request with nothing left to decide.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: String,
    /// Absolute, plain http.
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Outgoing {
    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The bytes to send, and where: host and port.
    fn encode(&self) -> Result<(Vec<u8>, (String, u16)), String> {
        let authority_and_rest = self
            .url
            .strip_prefix("http://")
            .ok_or_else(|| format!("{} is not http", self.url))?;
        let url = Url::parse(&self.url).map_err(|error| format!("{}: {error}", self.url))?;
        let host = url
            .host_str()
            .ok_or_else(|| format!("{} has no host", self.url))?
            .trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(80);
        let (authority, target) =
            authority_and_rest.split_at(authority_and_rest.find(['/', '?']).unwrap_or(authority_and_rest.len()));
        let slash = if target.starts_with('/') { "" } else { "/" };
        if self.method.is_empty() || !self.method.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(format!("'{}' is no method", self.method));
        }
        let mut head = format!("{} {slash}{} HTTP/1.1\r\n", self.method, escaped(target));
        let mut add = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !self.has("host") {
            add("Host", authority);
        }
        for (name, value) in &self.headers {
            let is_token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
            if !is_token || value.contains(['\r', '\n', '\0']) {
                return Err(format!("'{name}: {value}' is no header"));
            }
            add(name, value);
        }
        let length = self.body.as_ref().map_or(0, Vec::len);
        let needs_length = self.body.is_some() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if needs_length && !self.has("content-length") && !self.has("transfer-encoding") {
            add("Content-Length", &length.to_string());
        }
        if !self.has("connection") {
            add("Connection", "close");
        }
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        Ok((bytes, (host.to_owned(), port)))
    }
}

/// A request target without the bytes that would break the first line; what is escaped already stays.
fn escaped(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    target
        .bytes()
        .map(|b| {
            if b.is_ascii_graphic() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Sends the request and reads the answer; redirects are answers.
pub(super) async fn send(request: &Outgoing, clock: &dyn Clock) -> Result<Message, String> {
    let (bytes, (host, port)) = request.encode()?;
    let exchange = async {
        let mut stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| format!("connect: {error}"))?;
        let (mut from, mut to) = stream.split();
        // A server may refuse a large body before it has read it: the answer counts, whatever becomes of the writing.
        let writing = async {
            let _ = to.write_all(&bytes).await;
            std::future::pending::<Result<Message, String>>().await
        };
        tokio::select! {
            answer = read(&mut from, request, clock) => answer,
            never = writing => never,
        }
    };
    let answered = tokio::time::timeout(ANSWERED_WITHIN, exchange).await;
    answered.map_err(|_| format!("no whole answer within {ANSWERED_WITHIN:?}"))?
}

async fn read<R: AsyncRead + Unpin>(from: R, request: &Outgoing, clock: &dyn Clock) -> Result<Message, String> {
    let mut reader = Reader::new(from);
    loop {
        let head = reader.head().await.map_err(|why| format!("the answer: {why}"))?;
        let mut words = head.first_line.split_ascii_whitespace();
        let version = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        let status: Option<u16> = words.next().and_then(|word| word.parse().ok());
        let Some(status) = status.filter(|_| version) else {
            return Err(format!("the answer begins with '{}'", head.first_line));
        };
        // Interim answers announce the real one.
        if (100..200).contains(&status) {
            continue;
        }
        let is_stream = head
            .header("content-type")
            .is_some_and(|it| it.to_ascii_lowercase().starts_with("text/event-stream"));
        let body = match status {
            _ if request.method == "HEAD" => Vec::new(),
            204 | 304 => Vec::new(),
            _ if is_stream => reader.event(&head).await?,
            _ => reader.body(&head, Otherwise::UntilTheEnd).await?,
        };
        return Ok(Message {
            status: Some(status),
            headers: head.headers,
            body,
            at: clock.now(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Outgoing {
        Outgoing {
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Some(b"{}".to_vec()),
        }
    }

    #[test]
    fn only_what_http_needs_is_added_to_the_request() {
        let (bytes, to) = request("http://127.0.0.1:81/a b?c=\u{e9}").encode().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(to, ("127.0.0.1".to_owned(), 81));
        assert_eq!(
            text,
            "POST /a%20b?c=%C3%A9 HTTP/1.1\r\nHost: 127.0.0.1:81\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(request("https://h.example/").encode().is_err());
        assert!(request("http://").encode().is_err());
        let mut split = request("http://h.example");
        split.headers.push(("X".to_owned(), "a\r\nb: c".to_owned()));
        assert!(split.encode().is_err());
        let mut odd = request("http://h.example");
        odd.method = "G T".to_owned();
        assert!(odd.encode().is_err());
    }

    #[tokio::test]
    async fn an_answer_that_comes_before_the_body_was_read_counts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/large", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            stream
                .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
                .await
                .unwrap();
            std::future::pending::<()>().await;
        });
        let mut large = request(&url);
        large.body = Some(vec![b'a'; 8 * 1024 * 1024]);
        let answer = send(&large, &crate::clock::SystemClock).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (Some(413), b"no".as_slice()));
    }
}
