//! HTTP/1.1 as bytes, for a client and a receiver that show exactly what was sent.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

const HEAD_BYTES_MAX: u64 = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The first line and the headers of a message.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first_line: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// How the end of a body is found when neither a length nor chunks say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// An answer lasts until the connection ends.
    UntilTheEnd,
    /// A request then has no body.
    Nothing,
}

/// Reads messages from a connection.
#[derive(Debug)]
pub(super) struct Reader<R>(BufReader<R>);

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self(BufReader::new(from))
    }

    async fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(HEAD_BYTES_MAX);
        limited
            .read_until(b'\n', &mut line)
            .await
            .map_err(|error| error.to_string())?;
        if line.pop() != Some(b'\n') {
            return Err("the connection ended, or a line is too long".to_owned());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        // Header bytes beyond ASCII are kept readable; only texts of facts are compared with them.
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    pub(super) async fn head(&mut self) -> Result<Head, String> {
        let first_line = self.line().await?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(Head { first_line, headers });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("'{line}' is no header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
            if headers.len() > 256 {
                return Err("more than 256 headers".to_owned());
            }
        }
    }

    pub(super) async fn body(&mut self, head: &Head, otherwise: Otherwise) -> Result<Vec<u8>, String> {
        if head
            .header("transfer-encoding")
            .is_some_and(|it| it.to_ascii_lowercase().contains("chunked"))
        {
            return self.chunks(&mut |_| false).await;
        }
        if let Some(length) = head.header("content-length") {
            let length: usize = length.parse().map_err(|_| format!("'{length}' is no length"))?;
            return self.exactly(length).await;
        }
        match otherwise {
            Otherwise::Nothing => Ok(Vec::new()),
            Otherwise::UntilTheEnd => self.until(&mut |_| false).await,
        }
    }

    /// The beginning of an event stream up to the end of the first event that carries data, or all of it.
    pub(super) async fn event(&mut self, head: &Head) -> Result<Vec<u8>, String> {
        let mut enough = |body: &[u8]| std::str::from_utf8(body).is_ok_and(has_whole_event_with_data);
        if head
            .header("transfer-encoding")
            .is_some_and(|it| it.to_ascii_lowercase().contains("chunked"))
        {
            return self.chunks(&mut enough).await;
        }
        if head.header("content-length").is_some() {
            return self.body(head, Otherwise::UntilTheEnd).await;
        }
        self.until(&mut enough).await
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, String> {
        if length > BODY_BYTES_MAX {
            return Err(format!("a body of {length} bytes is too large"));
        }
        let mut body = vec![0; length];
        self.0
            .read_exact(&mut body)
            .await
            .map_err(|error| format!("the body is not whole: {error}"))?;
        Ok(body)
    }

    async fn until(&mut self, enough: &mut (dyn FnMut(&[u8]) -> bool + Send)) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while !enough(&body) {
            let part = self.0.fill_buf().await.map_err(|error| error.to_string())?;
            if part.is_empty() {
                break;
            }
            let read = part.len();
            body.extend_from_slice(part);
            self.0.consume(read);
            if body.len() > BODY_BYTES_MAX {
                return Err("the body is too large".to_owned());
            }
        }
        Ok(body)
    }

    async fn chunks(&mut self, enough: &mut (dyn FnMut(&[u8]) -> bool + Send)) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while !enough(&body) {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| format!("'{line}' is no chunk size"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                break;
            }
            if body.len().saturating_add(size) > BODY_BYTES_MAX {
                return Err("the body is too large".to_owned());
            }
            body.extend(self.exactly(size).await?);
            self.line().await?;
        }
        Ok(body)
    }
}

/// Whether an event stream holds a whole event that carries data.
fn has_whole_event_with_data(stream: &str) -> bool {
    let flat = stream.replace("\r\n", "\n");
    flat.rsplit_once("\n\n")
        .is_some_and(|(whole, _)| first_event_data(whole).is_some())
}

/// The data of the first event of a stream that carries any; its lines joined by newlines.
pub(super) fn first_event_data(stream: &str) -> Option<String> {
    let flat = stream.replace("\r\n", "\n").replace('\r', "\n");
    flat.split("\n\n").find_map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let lines: Vec<&str> = lines.map(|data| data.strip_prefix(' ').unwrap_or(data)).collect();
        let data = lines.join("\n");
        (!data.is_empty()).then_some(data)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(message: &str, otherwise: Otherwise) -> Result<(Head, String), String> {
        let mut reader = Reader::new(message.as_bytes());
        let head = reader.head().await?;
        let body = reader.body(&head, otherwise).await?;
        Ok((head, String::from_utf8(body).unwrap()))
    }

    #[tokio::test]
    async fn bodies_end_by_length_by_chunks_or_with_the_connection() {
        let by_length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  b \r\n\r\nokmore";
        let (head, body) = read(by_length, Otherwise::UntilTheEnd).await.unwrap();
        assert_eq!(
            (head.first_line.as_str(), head.header("x-a"), body.as_str()),
            ("HTTP/1.1 200 OK", Some("b"), "ok")
        );
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(chunked, Otherwise::UntilTheEnd).await.unwrap().1, "ab0123456789");
        let open = "HTTP/1.1 200 OK\r\n\r\nall of it";
        assert_eq!(read(open, Otherwise::UntilTheEnd).await.unwrap().1, "all of it");
        assert_eq!(read(open, Otherwise::Nothing).await.unwrap().1, "");
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_is_an_error() {
        let short = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok";
        assert!(read(short, Otherwise::UntilTheEnd).await.is_err());
        let unfinished = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n";
        assert!(read(unfinished, Otherwise::UntilTheEnd).await.is_err());
        assert!(read("HTTP/1.1 200 OK\r\nbroken", Otherwise::UntilTheEnd).await.is_err());
    }

    #[tokio::test]
    async fn an_open_event_stream_is_read_up_to_its_first_data() {
        let stream = "HTTP/1.1 200 OK\r\n\r\n: hello\n\nevent: ping\n\nevent: message\ndata: {\"a\":\ndata: 1}\n\n";
        let (mut ours, theirs) = tokio::io::duplex(1024);
        tokio::io::AsyncWriteExt::write_all(&mut ours, stream.as_bytes())
            .await
            .unwrap();
        let mut reader = Reader::new(theirs);
        let head = reader.head().await.unwrap();
        // The other end stays open: only the event itself ends the reading.
        let body = String::from_utf8(reader.event(&head).await.unwrap()).unwrap();
        assert_eq!(first_event_data(&body).as_deref(), Some("{\"a\":\n1}"));
        assert_eq!(first_event_data(": only a comment\n\n"), None);
    }
}
