//! A server of a few lines that reads whole requests and answers, or fails to, as told.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answer it.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Read all of it and close the connection.
    HangUp,
    /// Answer with the head and half of what the head promises, and close the connection.
    Half { status: u16, body: String },
    /// Read all of it and never answer.
    Silence,
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// An answer of any media type.
    pub(crate) fn text(status: u16, mime: &str, body: &str) -> Self {
        Self::Answer {
            status,
            headers: vec![("Content-Type", mime.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    /// The same answer with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Which connection it came on, from 1.
    pub(crate) connection: usize,
    /// Such as `POST`.
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) path: String,
    /// The head, lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, decoded when it came in chunks.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text, with what is not UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Requests that were read, and how many connections there were.
#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Request>,
    connections: usize,
}

type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A running server; dropping it ends it.
pub(crate) struct Server {
    url: String,
    seen: Arc<Mutex<Seen>>,
    acceptor: JoinHandle<()>,
}

impl Server {
    /// A server that asks `script` what to do with each request.
    pub(crate) async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let script: Script = Arc::new(script);
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&seen), script));
        Self { url, seen, acceptor }
    }

    /// A server that gives these answers in this order, and hangs up on whatever comes after.
    pub(crate) async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<std::collections::VecDeque<_>>());
        Self::start(move |_| {
            replies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
                .unwrap_or(Reply::HangUp)
        })
        .await
    }

    /// Where it is, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
            .clone()
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).connections
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Seen>>, script: Script) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.connections += 1;
            seen.connections
        };
        connections.spawn(serve(stream, number, Arc::clone(&seen), Arc::clone(&script)));
    }
}

async fn serve(mut stream: TcpStream, connection: usize, seen: Arc<Mutex<Seen>>, script: Script) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut stream, &mut buffer, connection).await {
        let reply = script(&request);
        if read_body(&mut stream, &mut buffer, &mut request).await.is_none() {
            return;
        }
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
            .push(request);
        match reply {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                let whole = [head.as_bytes(), body.as_slice()].concat();
                if stream.write_all(&whole).await.is_err() {
                    return;
                }
            }
            Reply::Half { status, body } => {
                let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len() * 2);
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                return;
            }
            Reply::Silence => std::future::pending().await,
            Reply::HangUp => return,
        }
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 8_192];
    match stream.read(&mut piece).await {
        Ok(n) if n > 0 => {
            buffer.extend_from_slice(&piece[..n]);
            Some(())
        }
        _ => None,
    }
}

async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Request> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Some(Request {
        connection,
        method,
        path,
        headers,
        body: Vec::new(),
    })
}

async fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &mut Request) -> Option<()> {
    if request
        .header("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        loop {
            let line_end = loop {
                if let Some(at) = buffer.windows(2).position(|two| two == b"\r\n") {
                    break at;
                }
                read_more(stream, buffer).await?;
            };
            let length = usize::from_str_radix(std::str::from_utf8(&buffer[..line_end]).ok()?, 16).ok()?;
            while buffer.len() < line_end + 2 + length + 2 {
                read_more(stream, buffer).await?;
            }
            request
                .body
                .extend_from_slice(&buffer[line_end + 2..line_end + 2 + length]);
            buffer.drain(..line_end + 2 + length + 2);
            if length == 0 {
                return Some(());
            }
        }
    }
    let length = request
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while buffer.len() < length {
        read_more(stream, buffer).await?;
    }
    request.body = buffer.drain(..length).collect();
    Some(())
}
