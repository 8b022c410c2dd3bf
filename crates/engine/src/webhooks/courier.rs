//! Carrying messages by HTTP.

use std::sync::Arc;

use domain::clock::BoxFut;
use domain::webhook::Header;
use media::address::AddressPolicy;
use media::clients::{JudgedClients, NoAnswer, Resolve, SystemResolver};
use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::{Answer, Courier};

/// Connections to a receiver that are kept for its next message.
const IDLE_PER_HOST: usize = 1;
/// How much of an answer is read, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;

/// A courier that goes to public addresses and to what the operator listed.
#[derive(Debug, Clone)]
pub struct HttpCourier(JudgedClients);

impl HttpCourier {
    /// A courier that keeps to this policy and resolves names as the operating system does.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(policy: AddressPolicy) -> reqwest::Result<Self> {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// The same with its own resolver.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_resolver(policy: AddressPolicy, resolver: Arc<dyn Resolve>) -> reqwest::Result<Self> {
        JudgedClients::new(policy, resolver, IDLE_PER_HOST).map(Self)
    }

    async fn carry(&self, url: &str, headers: &[Header], body: Vec<u8>) -> Answer {
        let url = Url::parse(url).map_err(|_| "the address is not a URL".to_owned())?;
        let client = self.0.judge(&url).map_err(|refusal| refusal.to_string())?;
        let request = client.post(url).header(CONTENT_TYPE, "application/json");
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        let sent = request.body(body).send().await;
        let mut response = sent.map_err(|error| NoAnswer::from(&error).to_string())?;
        let mut left = ANSWER_BYTES_MAX;
        // The status is the answer; whatever else comes or does not come changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        Ok(response.status().as_u16())
    }
}

impl Courier for HttpCourier {
    fn post<'a>(&'a self, url: &'a str, headers: &'a [Header], body: Vec<u8>) -> BoxFut<'a, Answer> {
        Box::pin(self.carry(url, headers, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Every name leads to this machine, as a name of an attacker's may.
    struct Rebinding;

    impl Resolve for Rebinding {
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFut<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
        }
    }

    /// Answers one request with this and gives what it got.
    async fn receiver(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"}") {
                let mut some = [0; 4_096];
                let n = stream.read(&mut some).await.unwrap();
                got.extend_from_slice(&some[..n]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(got).unwrap()
        });
        (port, task)
    }

    async fn carried(policy: AddressPolicy, url: &str) -> Answer {
        let courier = HttpCourier::with_resolver(policy, Arc::new(Rebinding)).unwrap();
        let headers = [("X-Event", "some.event".to_owned())];
        courier.post(url, &headers, br#"{"a":1}"#.to_vec()).await
    }

    fn listed(port: u16) -> AddressPolicy {
        AddressPolicy::public_only()
            .at_any_port()
            .trusting_hosts(&[format!("127.0.0.1:{port}")])
            .unwrap()
    }

    #[tokio::test]
    async fn a_message_arrives_byte_for_byte_with_its_headers() {
        let (port, got) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
        let url = format!("http://127.0.0.1:{port}/hook?x=1");
        assert_eq!(carried(listed(port), &url).await, Ok(204));
        let got = got.await.unwrap().to_lowercase();
        assert!(got.starts_with("post /hook?x=1 http/1.1\r\n"), "{got}");
        assert!(got.contains("\r\ncontent-type: application/json\r\n"), "{got}");
        assert!(got.contains("\r\nx-event: some.event\r\n"), "{got}");
        assert!(got.ends_with("\r\n\r\n{\"a\":1}"), "{got}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (inner, _) = receiver("HTTP/1.1 200 OK\r\n\r\n").await;
        let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inner}/\r\n\r\n");
        let (port, _got) = receiver(answer.leak()).await;
        assert_eq!(
            carried(listed(port), &format!("http://127.0.0.1:{port}/")).await,
            Ok(307)
        );
    }

    #[tokio::test]
    async fn private_addresses_are_refused_as_written_and_as_resolved() {
        let (port, _got) = receiver("HTTP/1.1 200 OK\r\n\r\n").await;
        let public = || AddressPolicy::public_only().at_any_port();
        let blocked = Err("the host is not a public one".to_owned());
        for host in [
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.1.2.3",
            "rebinding.example.com",
            "a.localhost",
        ] {
            assert_eq!(
                carried(public(), &format!("http://{host}:{port}/")).await,
                blocked,
                "{host}"
            );
        }
    }

    #[tokio::test]
    async fn a_receiver_that_is_not_there_is_no_answer() {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let answer = carried(listed(port), &format!("http://127.0.0.1:{port}/")).await;
        assert_eq!(
            answer,
            Err("the server could not be reached, or it broke off".to_owned())
        );
    }
}
