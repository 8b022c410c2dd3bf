use std::time::Duration;

use domain::clock::ManualClock;
use reqwest::Method;

use super::*;
use crate::testing::{Reply, Server, nobody, start};

struct Bench {
    clock: ManualClock,
    http: Http,
}

fn bench() -> Bench {
    let clock = ManualClock::new(start());
    Bench {
        http: Http::new(Arc::new(clock.clone())).unwrap(),
        clock,
    }
}

impl Bench {
    fn in_a_minute(&self) -> BootInstant {
        self.clock.boot().plus(SignedDuration::from_mins(1))
    }

    async fn post(&self, url: &str) -> Result<Answer, Failure> {
        self.http
            .create(self.http.creating(Method::POST, url).body("a post"), self.in_a_minute())
            .await
    }
}

/// Waits, in real time, for something that another task does at once.
async fn until(what: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

fn created() -> Reply {
    Reply::json(200, &serde_json::json!({ "id": "1" }))
}

#[tokio::test]
async fn a_redirect_that_answers_a_creating_call_is_not_followed() {
    let elsewhere = Server::answering([created()]).await;
    for status in [301, 302, 303, 307, 308] {
        let server =
            Server::answering([Reply::text(status, "text/plain", "").with_header("Location", elsewhere.url())]).await;
        assert_eq!(bench().post(server.url()).await.unwrap().status, status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_was_read_is_no_answer_and_is_not_tried_again() {
    let server = Server::answering([Reply::HangUp, created()]).await;
    assert_eq!(
        bench().post(server.url()).await.unwrap_err(),
        Failure::NoAnswer { timed_out: false }
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let server = Server::answering([Reply::Half {
        status: 200,
        body: r#"{"id":"1"#.to_owned(),
    }])
    .await;
    assert_eq!(
        bench().post(server.url()).await.unwrap_err(),
        Failure::NoAnswer { timed_out: false }
    );
}

#[tokio::test]
async fn a_refused_connection_wrote_nothing() {
    assert_eq!(
        bench().post(&nobody().await).await.unwrap_err(),
        Failure::NotWritten { late: false }
    );
}

#[tokio::test]
async fn an_address_that_cannot_be_one_wrote_nothing() {
    assert_eq!(
        bench().post("http://:nowhere").await.unwrap_err(),
        Failure::NotWritten { late: false }
    );
}

#[tokio::test]
async fn a_deadline_that_has_passed_opens_no_connection() {
    let server = Server::answering([created()]).await;
    let bench = bench();
    let request = bench.http.creating(Method::POST, server.url()).body("a post");
    let outcome = bench.http.create(request, bench.clock.boot()).await;
    assert_eq!(outcome.unwrap_err(), Failure::NotWritten { late: true });
    assert_eq!(server.connections(), 0);
}

/// A clock that has reached the deadline at every look but the first, as when connecting took too long.
#[derive(Debug)]
struct LateAtSecondLook(ManualClock, std::sync::atomic::AtomicU32);

impl Clock for LateAtSecondLook {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn boot(&self) -> BootInstant {
        let looks = self.1.fetch_add(1, Ordering::SeqCst);
        // `create`, `exchange` and `passed` look before the body is asked for.
        self.0
            .boot()
            .plus(SignedDuration::from_mins(if looks < 3 { 0 } else { 2 }))
    }

    fn sleep_until(&self, at: Timestamp) -> domain::clock::BoxFut<'_, ()> {
        self.0.sleep_until(at)
    }
}

#[tokio::test]
async fn a_deadline_that_passes_while_connecting_lets_no_byte_out() {
    let server = Server::answering([created()]).await;
    let clock = ManualClock::new(start());
    let http = Http::new(Arc::new(LateAtSecondLook(clock.clone(), 0.into()))).unwrap();
    let request = http.creating(Method::POST, server.url()).body("a post");
    let outcome = http
        .create(request, clock.boot().plus(SignedDuration::from_mins(1)))
        .await;
    assert_eq!(outcome.unwrap_err(), Failure::NotWritten { late: true });
    until(|| server.connections() == 1).await;
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_deadline_during_the_tls_handshake_wrote_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let bench = bench();
    let (http, send_by) = (bench.http.clone(), bench.in_a_minute());
    let call = tokio::spawn(async move {
        http.create(http.creating(Method::POST, &url).body("a post"), send_by)
            .await
    });
    let (_silent, _) = listener.accept().await.unwrap();
    bench.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(call.await.unwrap().unwrap_err(), Failure::NotWritten { late: true });
}

#[tokio::test]
async fn a_deadline_while_the_answer_is_awaited_is_no_answer() {
    let server = Server::answering([Reply::Silence]).await;
    let bench = bench();
    let (http, url, send_by) = (bench.http.clone(), server.url().to_owned(), bench.in_a_minute());
    let call = tokio::spawn(async move {
        http.create(http.creating(Method::POST, &url).body("a post"), send_by)
            .await
    });
    until(|| server.requests().len() == 1).await;
    bench.clock.advance(SignedDuration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    bench.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(call.await.unwrap().unwrap_err(), Failure::NoAnswer { timed_out: true });
}

#[tokio::test]
async fn a_step_of_the_wall_clock_does_not_end_a_call() {
    let server = Server::answering([Reply::Silence]).await;
    let bench = bench();
    let (http, url, send_by) = (bench.http.clone(), server.url().to_owned(), bench.in_a_minute());
    let call = tokio::spawn(async move {
        http.create(http.creating(Method::POST, &url).body("a post"), send_by)
            .await
    });
    until(|| server.requests().len() == 1).await;
    bench.clock.step_wall_clock(SignedDuration::from_hours(1));
    bench.clock.advance(SignedDuration::from_secs(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished());
    bench.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(call.await.unwrap().unwrap_err(), Failure::NoAnswer { timed_out: true });
}

#[tokio::test]
async fn two_creating_calls_never_share_a_connection_so_a_dead_idle_one_harms_nothing() {
    let server = Server::start(|_| created()).await;
    let bench = bench();
    for _ in 0..3 {
        assert_eq!(bench.post(server.url()).await.unwrap().status, 200);
    }
    let connections: Vec<_> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 2, 3]);
}

#[tokio::test]
async fn a_body_keeps_its_length_though_it_is_watched() {
    let server = Server::answering([created(), created()]).await;
    let bench = bench();
    bench.post(server.url()).await.unwrap();
    let whole = reqwest::multipart::Part::stream_with_length(
        reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(
            "abc",
        ))])),
        3,
    );
    let form = reqwest::multipart::Form::new().part("file", whole);
    let request = bench.http.creating(Method::POST, server.url()).multipart(form);
    bench.http.create(request, bench.in_a_minute()).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("content-length"), Some("6"));
    assert_eq!(requests[0].body, b"a post");
    assert_eq!(
        requests[1].header("content-length").unwrap(),
        requests[1].body.len().to_string()
    );
}

#[tokio::test]
async fn a_file_that_breaks_off_after_the_first_byte_is_no_answer() {
    let server = Server::answering([created()]).await;
    let bench = bench();
    let pieces = [Ok(Bytes::from("some")), Err(std::io::Error::other("the disk is gone"))];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = bench.http.creating(Method::POST, server.url()).body(body);
    let outcome = bench.http.create(request, bench.in_a_minute()).await;
    assert_eq!(outcome.unwrap_err(), Failure::NoAnswer { timed_out: false });
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_call_without_a_body_counts_as_written() {
    let server = Server::answering([Reply::HangUp]).await;
    let bench = bench();
    let request = bench.http.creating(Method::POST, server.url());
    let outcome = bench.http.create(request, bench.in_a_minute()).await;
    assert_eq!(outcome.unwrap_err(), Failure::NoAnswer { timed_out: false });
}

#[tokio::test]
async fn an_answer_of_the_longest_length_is_read_and_a_longer_one_is_none() {
    let server = Server::answering([
        Reply::text(200, "text/plain", &"x".repeat(ANSWER_BYTES_MAX)),
        Reply::text(200, "text/plain", &"x".repeat(ANSWER_BYTES_MAX + 1)),
    ])
    .await;
    let bench = bench();
    assert_eq!(bench.post(server.url()).await.unwrap().body.len(), ANSWER_BYTES_MAX);
    assert_eq!(
        bench.post(server.url()).await.unwrap_err(),
        Failure::NoAnswer { timed_out: false }
    );
}

#[tokio::test]
async fn the_platforms_clock_is_read_from_the_date_header() {
    let server = Server::answering([created().with_header("Date", "Sun, 22 Nov 2026 09:00:07 GMT")]).await;
    let answer = bench().post(server.url()).await.unwrap();
    assert_eq!(answer.date(), Some("2026-11-22T09:00:07Z".parse().unwrap()));
}

#[test]
fn only_a_creating_call_that_was_written_may_have_published() {
    for failure in [
        Failure::NotWritten { late: false },
        Failure::NotWritten { late: true },
        Failure::NoAnswer { timed_out: false },
        Failure::NoAnswer { timed_out: true },
    ] {
        for stage in [
            Stage::Prepare,
            Stage::Send,
            Stage::Check,
            Stage::Retract,
            Stage::Refresh,
        ] {
            let open = matches!(failure, Failure::NoAnswer { .. }) && matches!(stage, Stage::Send | Stage::Retract);
            let expected = if open { Fate::MayBePublished } else { Fate::NotPublished };
            assert_eq!(
                failure.into_error(Platform::Mastodon, stage).fate,
                expected,
                "{failure:?} at {stage:?}"
            );
        }
    }
}

#[tokio::test]
async fn abroad_a_name_for_this_machine_is_not_connected_to_by_any_call() {
    let server = Server::answering([created(), created()]).await;
    // A name that the system resolves to loopback, as an attacker's may at any time.
    let url = server.url().replace("127.0.0.1", "localhost");
    let bench = bench();
    let abroad = bench.http.abroad();
    let request = abroad.creating(Method::POST, &url).body("a post");
    let refused = abroad.create(request, bench.in_a_minute()).await;
    assert!(matches!(refused, Err(Failure::NotWritten { .. })), "{refused:?}");
    let refused = abroad.read(abroad.reading(Method::GET, &url), READ_BUDGET).await;
    assert!(matches!(refused, Err(Failure::NotWritten { .. })), "{refused:?}");
    assert_eq!(server.connections(), 0);
    assert_eq!(bench.post(&url).await.unwrap().status, 200, "at home it is");
}
