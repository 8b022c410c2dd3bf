//! Bodies of requests, bounded in length and in time.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// How long a body may take.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
/// How much of a body that is too long is read and thrown away, so that its sender gets to read the answer: closing a
/// connection with unread bytes resets it, and the reset may overtake the answer (RFC 9112, section 9.6).
const THROWN_AWAY_BYTES_MAX: usize = 32 * 1_024 * 1_024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// It is longer than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body took too long")]
    TooSlow,
    /// The connection broke.
    #[error("the body ended early")]
    Broken,
}

/// Reads a body of at most `bytes_max`.
pub(crate) async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    tokio::time::timeout(READ_TIME_MAX, collect(body, announced.unwrap_or(0), bytes_max))
        .await
        .unwrap_or(Err(Error::TooSlow))
}

/// Reads a body that nobody wants, so far as that is reasonable, so that its sender gets to read the answer.
pub(crate) async fn throw_away(mut body: Body) {
    let read = async {
        let mut length = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.into_data().map_or(0, |data| data.len()));
            if length > THROWN_AWAY_BYTES_MAX {
                break;
            }
        }
    };
    // Whoever sends too slowly for that does without the answer.
    let _ = tokio::time::timeout(READ_TIME_MAX, read).await;
}

async fn collect(mut body: Body, announced: usize, bytes_max: usize) -> Result<Bytes, Error> {
    let mut whole = Bytes::new();
    let mut more: Option<BytesMut> = None;
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Error::Broken)?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > bytes_max.saturating_add(THROWN_AWAY_BYTES_MAX) {
            break;
        }
        if length > bytes_max || announced > bytes_max {
            continue;
        }
        // Nearly every body comes in one piece and is then not copied.
        match (&mut more, whole.is_empty()) {
            (Some(more), _) => more.extend_from_slice(&data),
            (None, true) => whole = data,
            (None, false) => {
                let mut joined = BytesMut::with_capacity(announced.max(length).min(bytes_max));
                joined.extend_from_slice(&whole);
                joined.extend_from_slice(&data);
                more = Some(joined);
            }
        }
    }
    if length > bytes_max {
        return Err(Error::TooLarge);
    }
    Ok(more.map_or(whole, BytesMut::freeze))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn chunks(sizes: &[usize]) -> Body {
        let chunks: Vec<_> = sizes
            .iter()
            .map(|size| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; *size])))
            .collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_refused() {
        let read = |sizes: &'static [usize]| async move { read(&HeaderMap::new(), chunks(sizes), 10).await };
        assert_eq!(read(&[4, 3, 3]).await.unwrap().len(), 10);
        assert_eq!(read(&[10]).await.unwrap().len(), 10);
        assert_eq!(read(&[]).await.unwrap().len(), 0);
        assert_eq!(read(&[4, 3, 4]).await, Err(Error::TooLarge));
        assert_eq!(read(&[11]).await, Err(Error::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_body() {
        let broken = Body::from_stream(stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("gone"))]));
        assert_eq!(read(&HeaderMap::new(), broken, 10).await, Err(Error::Broken));
    }
}
