use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

async fn start(router: Router, limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, router, limits, async {
        let _ = stopped.await;
    }));
    Running { address, stop, task }
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";

#[tokio::test]
async fn an_answer_under_way_is_finished_before_the_server_ends() {
    let (entered, entering) = oneshot::channel::<()>();
    let (go_on, going_on) = oneshot::channel::<()>();
    let once = Arc::new(std::sync::Mutex::new(Some((entered, going_on))));
    let slow = get(move || async move {
        let (entered, going_on) = once.lock().unwrap().take().unwrap();
        entered.send(()).unwrap();
        going_on.await.unwrap();
        "finished"
    });
    let running = start(Router::new().route("/", slow), Limits::default()).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    client.write_all(ASK).await.unwrap();
    entering.await.unwrap();
    running.stop.send(()).unwrap();
    go_on.send(()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("finished"), "{answer}");
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let limits = Limits {
        header_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let running = start(Router::new(), limits).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    let mut answer = Vec::new();
    // The server hangs up, with or without an answer.
    client.read_to_end(&mut answer).await.unwrap();
    running.stop.send(()).unwrap();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_until_another_ends() {
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let running = start(Router::new().route("/", get(|| async { "served" })), limits).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(ASK).await.unwrap();
    let mut some = [0; 12];
    first.read_exact(&mut some).await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(ASK).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(50), second.read_exact(&mut some)).await;
    assert!(waited.is_err(), "the second connection was served beside the first");
    drop(first);
    second.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    drop(second);
    running.stop.send(()).unwrap();
    running.task.await.unwrap().unwrap();
}
