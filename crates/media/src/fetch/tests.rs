//! Tests of imports, against a small server on this machine.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use domain::clock::{BoxFut, ManualClock};
use domain::ids::{MediaId, UserId};
use object_store::memory::InMemory;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::samples::{self, Film, Jpeg};

/// Answers a path with bytes, as they are, and notes what was asked for.
#[derive(Clone)]
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(pages: HashMap<&'static str, Vec<u8>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&server.asked);
        let pages = Arc::new(pages);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&pages), Arc::clone(&asked)));
            }
        });
        server
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut connection: TcpStream, pages: Arc<HashMap<&'static str, Vec<u8>>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = connection.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(request);
    if path == "/never" {
        std::future::pending::<()>().await;
    }
    let missing = status("404 Not Found", "");
    let _ = connection.write_all(pages.get(path.as_str()).unwrap_or(&missing)).await;
}

fn status(line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n").into_bytes()
}

fn redirect(to: &str) -> Vec<u8> {
    status("302 Found", &format!("Location: {to}\r\n"))
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn without_length(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body].concat()
}

/// Names to addresses; every other name is unknown. Counts the questions.
#[derive(Default)]
struct Names {
    known: HashMap<&'static str, Vec<IpAddr>>,
    asked: AtomicU64,
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFut<'a, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.known
                .get(host)
                .cloned()
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}

const LIMITS: FetchLimits = FetchLimits {
    deadline: SignedDuration::from_secs(60),
    redirects_max: 5,
    media: Limits {
        image_bytes_max: 2_000,
        video_bytes_max: 10_000,
        document_bytes_max: 0,
    },
};

struct World {
    fetcher: Fetcher,
    store: MediaStore,
    clock: ManualClock,
    names: Arc<Names>,
}

impl World {
    fn trusting(origins: &[String]) -> Self {
        Self::with(origins, HashMap::new())
    }

    fn with(origins: &[String], known: HashMap<&'static str, Vec<IpAddr>>) -> Self {
        let clock = ManualClock::new("2026-11-22T09:00:00Z".parse().unwrap());
        let names = Arc::new(Names {
            known,
            asked: AtomicU64::new(0),
        });
        let policy = AddressPolicy::public_only().trusting_origins(origins).unwrap();
        let resolver = Arc::clone(&names) as Arc<dyn Resolve>;
        let fetcher = Fetcher::with_resolver(policy, LIMITS, Arc::new(clock.clone()), resolver).unwrap();
        Self {
            fetcher,
            store: MediaStore::new(Arc::new(InMemory::new())),
            clock,
            names,
        }
    }

    async fn import(&self, url: &str) -> Result<Media, FetchError> {
        self.import_within(url, &Allowance::default()).await
    }

    async fn import_within(&self, url: &str, allowance: &Allowance) -> Result<Media, FetchError> {
        let mut rng = StdRng::seed_from_u64(7);
        let new = NewFile::new(MediaId::default(), UserId::default(), file_name(url), None, &mut rng);
        self.fetcher.import(&self.store, new, url, allowance).await
    }

    async fn code(&self, url: &str) -> &'static str {
        self.import(url).await.unwrap_err().code()
    }
}

#[tokio::test]
async fn a_picture_is_imported_and_judged_by_its_bytes_not_its_header() {
    let png = samples::png(30, 20);
    let server = Server::start(HashMap::from([
        ("/cat.png", ok(&png)),
        ("/stream", without_length(&png)),
    ]))
    .await;
    let world = World::trusting(&[server.origin()]);
    let media = world.import(&format!("{}/cat.png", server.origin())).await.unwrap();
    assert_eq!(
        (media.mime.as_str(), media.width, media.name.as_deref()),
        ("image/png", Some(30), Some("cat.png"))
    );
    assert_eq!(media.bytes, png.len() as u64);
    assert!(world.import(&format!("{}/stream", server.origin())).await.is_ok());
    assert!(server.asked()[0].to_lowercase().contains("accept-encoding: identity"));
}

#[tokio::test]
async fn urls_that_are_none_or_go_elsewhere_are_refused_before_anything_is_asked() {
    let world = World::trusting(&[]);
    for (url, code) in [
        ("", "MEDIA_URL_INVALID"),
        ("not a url", "MEDIA_URL_INVALID"),
        ("/relative.png", "MEDIA_URL_INVALID"),
        ("http://", "MEDIA_URL_INVALID"),
        ("http://999.1.1.1/", "MEDIA_URL_INVALID"),
        ("ftp://example.com/a.png", "MEDIA_URL_PROTOCOL"),
        ("file:///etc/passwd", "MEDIA_URL_PROTOCOL"),
        ("data:image/png;base64,AAAA", "MEDIA_URL_PROTOCOL"),
        ("https://user:secret@example.com/a.png", "MEDIA_URL_CREDENTIALS"),
        ("https://example.com:8443/a.png", "MEDIA_URL_PORT"),
        ("http://127.0.0.1/a.png", "MEDIA_URL_BLOCKED_HOST"),
        ("http://2130706433/a.png", "MEDIA_URL_BLOCKED_HOST"),
        ("http://169.254.169.254/latest/meta-data/", "MEDIA_URL_BLOCKED_HOST"),
        ("http://[::ffff:10.0.0.1]/", "MEDIA_URL_BLOCKED_HOST"),
        ("http://localhost/a.png", "MEDIA_URL_BLOCKED_HOST"),
        ("http://metadata.google.internal/", "MEDIA_URL_BLOCKED_HOST"),
    ] {
        assert_eq!(world.code(url).await, code, "{url}");
    }
    let long = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX));
    assert_eq!(world.code(&long).await, "MEDIA_URL_INVALID");
    assert_eq!(world.names.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_with_any_address_that_is_not_public_is_not_connected_to() {
    let public: IpAddr = "93.184.216.34".parse().unwrap();
    let world = World::with(
        &[],
        HashMap::from([
            ("evil.example", vec![Ipv4Addr::LOCALHOST.into()]),
            ("mixed.example", vec![public, "10.0.0.1".parse().unwrap()]),
            ("mapped.example", vec!["::ffff:127.0.0.1".parse().unwrap()]),
            ("cloud.example", vec!["169.254.169.254".parse().unwrap()]),
            ("empty.example", vec![]),
        ]),
    );
    for host in ["evil", "mixed", "mapped", "cloud"] {
        assert_eq!(
            world.code(&format!("http://{host}.example/a.png")).await,
            "MEDIA_URL_BLOCKED_HOST",
            "{host}"
        );
    }
    for host in ["empty", "unknown"] {
        assert_eq!(
            world.code(&format!("http://{host}.example/a.png")).await,
            "MEDIA_URL_DNS",
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_listed_origin_may_resolve_to_this_machine() {
    let server = Server::start(HashMap::from([("/a.png", ok(&samples::png(1, 1)))])).await;
    let origin = format!("http://media.example:{}", server.port);
    let world = World::with(
        std::slice::from_ref(&origin),
        HashMap::from([("media.example", vec![Ipv4Addr::LOCALHOST.into()])]),
    );
    assert!(world.import(&format!("{origin}/a.png")).await.is_ok());
    assert_eq!(world.names.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_name_of_a_listed_origin_is_judged_at_every_other_origin() {
    let origin = "http://media.example:4000".to_owned();
    let world = World::with(
        &[origin],
        HashMap::from([("media.example", vec![Ipv4Addr::LOCALHOST.into()])]),
    );
    assert_eq!(world.code("http://media.example/a.png").await, "MEDIA_URL_BLOCKED_HOST");
    assert_eq!(
        world.code("https://media.example/a.png").await,
        "MEDIA_URL_BLOCKED_HOST"
    );
    assert_eq!(world.code("http://media.example:4001/a.png").await, "MEDIA_URL_PORT");
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_judged_anew() {
    let inner = Server::start(HashMap::from([("/secret.png", ok(&samples::png(1, 1)))])).await;
    let to_inner = redirect(&format!("{}/secret.png", inner.origin()));
    let server = Server::start(HashMap::from([
        ("/inner", to_inner),
        ("/loopback", redirect("http://127.0.0.1/a.png")),
        ("/hex", redirect("http://0x7f000001/a.png")),
        ("/file", redirect("file:///etc/passwd")),
        ("/credentials", redirect("http://a:b@example.com/")),
        ("/evil", redirect("http://evil.example/a.png")),
        ("/scheme-relative", redirect("//127.0.0.1/a.png")),
    ]))
    .await;
    let evil = HashMap::from([("evil.example", vec![Ipv4Addr::LOCALHOST.into()])]);
    let world = World::with(&[server.origin()], evil);
    for (path, code) in [
        ("inner", "MEDIA_URL_PORT"),
        ("loopback", "MEDIA_URL_BLOCKED_HOST"),
        ("hex", "MEDIA_URL_BLOCKED_HOST"),
        ("file", "MEDIA_URL_PROTOCOL"),
        ("credentials", "MEDIA_URL_CREDENTIALS"),
        ("evil", "MEDIA_URL_BLOCKED_HOST"),
        ("scheme-relative", "MEDIA_URL_BLOCKED_HOST"),
    ] {
        assert_eq!(world.code(&format!("{}/{path}", server.origin())).await, code, "{path}");
    }
    assert_eq!(inner.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn five_redirects_are_followed_and_the_sixth_is_not() {
    let server = Server::start(HashMap::from([
        ("/6", redirect("/5")),
        ("/5", redirect("4")),
        ("/4", status("307 Temporary Redirect", "Location: /3\r\n")),
        ("/3", status("301 Moved Permanently", "Location: /2\r\n")),
        ("/2", status("308 Permanent Redirect", "Location: /1\r\n")),
        ("/1", status("303 See Other", "Location: /a.png\r\n")),
        ("/a.png", ok(&samples::png(1, 1))),
        ("/loop", redirect("/loop")),
        ("/nowhere", status("302 Found", "")),
        ("/broken", redirect("http://[")),
    ]))
    .await;
    let world = World::trusting(&[server.origin()]);
    let url = |path: &str| format!("{}{path}", server.origin());
    assert!(world.import(&url("/5")).await.is_ok());
    assert_eq!(world.code(&url("/6")).await, "MEDIA_URL_TOO_MANY_REDIRECTS");
    let before = server.asked().len();
    assert_eq!(world.code(&url("/loop")).await, "MEDIA_URL_TOO_MANY_REDIRECTS");
    assert_eq!(server.asked().len() - before, 6);
    assert_eq!(world.code(&url("/nowhere")).await, "MEDIA_URL_REDIRECT");
    assert_eq!(world.code(&url("/broken")).await, "MEDIA_URL_REDIRECT");
}

#[tokio::test]
async fn answers_that_are_no_file_are_told_apart() {
    let jpeg = Jpeg::default().bytes();
    let server = Server::start(HashMap::from([
        ("/503", status("503 Service Unavailable", "")),
        ("/304", status("304 Not Modified", "")),
        ("/html", ok(b"<html>sign in</html>")),
        ("/pdf", ok(b"%PDF-1.7 and so on")),
        ("/empty", ok(b"")),
        ("/cut.jpg", ok(&jpeg[..jpeg.len() - 2])),
        ("/bomb.png", ok(&samples::png(100_000, 100_000))),
        (
            "/short",
            [&b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"[..], &jpeg].concat(),
        ),
        ("/nonsense", b"nonsense".to_vec()),
    ]))
    .await;
    let world = World::trusting(&[server.origin()]);
    for (path, code) in [
        ("503", "MEDIA_URL_HTTP_ERROR"),
        ("304", "MEDIA_URL_HTTP_ERROR"),
        ("missing", "MEDIA_URL_HTTP_ERROR"),
        ("html", "MEDIA_URL_UNSUPPORTED_FORMAT"),
        ("pdf", "MEDIA_URL_UNSUPPORTED_FORMAT"),
        ("empty", "MEDIA_URL_UNSUPPORTED_FORMAT"),
        ("cut.jpg", "MEDIA_URL_PROBE_FAILED"),
        ("bomb.png", "MEDIA_URL_PROBE_FAILED"),
        ("short", "MEDIA_URL_FETCH_FAILED"),
        ("nonsense", "MEDIA_URL_FETCH_FAILED"),
    ] {
        assert_eq!(world.code(&format!("{}/{path}", server.origin())).await, code, "{path}");
    }
    let unreachable = World::trusting(&["http://127.0.0.1:1".to_owned()]);
    assert_eq!(
        unreachable.code("http://127.0.0.1:1/a.png").await,
        "MEDIA_URL_FETCH_FAILED"
    );
}

#[tokio::test]
async fn a_file_is_limited_by_its_kind_whatever_the_server_says_of_its_length() {
    let large = Jpeg {
        data: 3_000,
        ..Jpeg::default()
    }
    .bytes();
    let film = Film {
        data: 3_000,
        ..Film::default()
    }
    .bytes();
    let huge = [&b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"[..], &film].concat();
    let server = Server::start(HashMap::from([
        ("/large.jpg", ok(&large)),
        ("/stream.jpg", without_length(&large)),
        ("/film.mp4", ok(&film)),
        ("/huge", huge),
    ]))
    .await;
    let world = World::trusting(&[server.origin()]);
    let url = |path: &str| format!("{}{path}", server.origin());
    assert_eq!(world.code(&url("/large.jpg")).await, "MEDIA_URL_TOO_LARGE");
    assert_eq!(world.code(&url("/stream.jpg")).await, "MEDIA_URL_TOO_LARGE");
    assert_eq!(world.code(&url("/huge")).await, "MEDIA_URL_TOO_LARGE");
    assert!(world.import(&url("/film.mp4")).await.is_ok());
}

#[tokio::test]
async fn the_files_of_one_call_share_an_allowance() {
    let png = samples::png(1, 1);
    let server = Server::start(HashMap::from([("/a.png", ok(&png))])).await;
    let world = World::trusting(&[server.origin()]);
    let allowance = Allowance::new(png.len() as u64 * 2 + 1);
    let url = format!("{}/a.png", server.origin());
    assert!(world.import_within(&url, &allowance).await.is_ok());
    assert!(world.import_within(&url, &allowance).await.is_ok());
    let refused = world.import_within(&url, &allowance).await.unwrap_err();
    assert_eq!(refused.code(), "MEDIA_URL_AGGREGATE_TOO_LARGE");
}

#[tokio::test]
async fn a_call_may_take_smaller_films_than_others_and_pictures_of_any_size() {
    let (png, film) = (samples::png(1, 1), Film::default().bytes());
    let server = Server::start(HashMap::from([("/a.png", ok(&png)), ("/a.mp4", without_length(&film))])).await;
    let world = World::trusting(&[server.origin()]);
    let url = |path: &str| format!("{}{path}", server.origin());
    let allowance = |bytes| Allowance::default().with_films_of(bytes);
    let exact = film.len() as u64;
    assert!(world.import_within(&url("/a.mp4"), &allowance(exact)).await.is_ok());
    let refused = world.import_within(&url("/a.mp4"), &allowance(exact - 1)).await;
    assert!(
        matches!(refused, Err(FetchError::TooLarge { bytes_max }) if bytes_max == exact - 1),
        "{refused:?}"
    );
    assert!(world.import_within(&url("/a.png"), &allowance(1)).await.is_ok());
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_at_the_deadline() {
    let server = Server::start(HashMap::new()).await;
    let world = World::trusting(&[server.origin()]);
    let url = format!("{}/never", server.origin());
    let import = world.import(&url);
    let clock = world.clock.clone();
    let advance = async {
        while server.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        clock.advance(SignedDuration::from_secs(60));
    };
    let (imported, ()) = futures_util::future::join(import, advance).await;
    assert!(matches!(imported, Err(FetchError::Timeout(60))), "{imported:?}");
}

#[test]
fn the_limits_are_those_that_the_api_documents() {
    let limits = FetchLimits::default();
    assert_eq!(limits.redirects_max, 5);
    assert_eq!(
        (limits.media.image_bytes_max, limits.media.video_bytes_max),
        (25_000_000, 150_000_000)
    );
    assert_eq!(Allowance::default().bytes_max, 314_572_800);
}

#[test]
fn only_what_may_pass_is_worth_another_try() {
    for (error, transient) in [
        (FetchError::Dns, true),
        (FetchError::FetchFailed, true),
        (FetchError::HttpStatus(503), true),
        (FetchError::HttpStatus(429), true),
        (FetchError::HttpStatus(404), false),
        (FetchError::BlockedHost, false),
        (FetchError::TooLarge { bytes_max: 1 }, false),
    ] {
        assert_eq!(error.is_transient(), transient, "{error:?}");
    }
}
