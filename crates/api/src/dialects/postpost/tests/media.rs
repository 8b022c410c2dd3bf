//! Uploads from the URL to the group, and what becomes of files that are none.

use axum::body::Body;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{create, refusal, says};
use crate::testing::{Answer, Door};

pub(super) const DRAFT: &str = r#"{"content":"with a picture","platforms":["twitter-123456789"]}"#;

/// An upload that was asked for.
pub(super) struct Slot {
    pub(super) upload_url: String,
    file_url: String,
    media: String,
}

pub(super) fn path(url: &str) -> String {
    url.strip_prefix("http://127.0.0.1:4000").unwrap().to_owned()
}

async fn ask_for(door: &Door, group: &str, name: &str, mime: &str) -> Answer {
    let body = json!({ "fileName": name, "contentType": mime, "postGroupId": group });
    door.postpost("POST", "/get-upload-url", body.to_string()).await
}

pub(super) async fn slot(door: &Door, group: &str, name: &str, mime: &str) -> Slot {
    let answer = ask_for(door, group, name, mime).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Slot {
        upload_url: path(&text("uploadUrl")),
        file_url: path(&text("fileUrl")),
        media: text("mediaId"),
    }
}

async fn put(door: &Door, url: &str, mime: &str, bytes: Vec<u8>) -> Answer {
    let length = bytes.len().to_string();
    let headers = [("content-type", mime), ("content-length", length.as_str())];
    door.ask("PUT", url, &headers, Body::from(bytes)).await
}

/// The smallest file that begins and ends like a JPEG of this extent.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let [w, h] = [width.to_be_bytes(), height.to_be_bytes()];
    let frame = [8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0];
    [
        &[0xff, 0xd8, 0xff, 0xc0, 0, 11][..],
        &frame,
        &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x55, 0xff, 0xd9],
        // A file is known by its first 64 bytes, or by all that it has.
        &[0; 64],
    ]
    .concat()
}

/// A PNG that says it has these pixels.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        [
            &u32::try_from(body.len()).unwrap().to_be_bytes()[..],
            name,
            body,
            &[0; 4],
        ]
        .concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &[7; 40]),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

pub(super) fn code(answer: &Answer) -> (u16, String) {
    (
        answer.status,
        answer.json()["code"].as_str().unwrap_or_default().to_owned(),
    )
}

pub(super) fn coded(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn complete(door: &Door, media: &str) -> Answer {
    door.postpost("POST", &format!("/complete-media/{media}"), "").await
}

async fn media_urls(door: &Door) -> serde_json::Value {
    door.postpost("GET", "/list-posts", "").await.json()["posts"][0]["mediaUrls"].clone()
}

/// Q70: one PUT without a key puts the file into its group; nothing more is needed.
#[tokio::test]
async fn an_upload_becomes_part_of_its_group() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let slot = slot(&door, &group, "my photo (1).jpg", "image/jpeg").await;
    let name = slot.file_url.split_once("/images/").unwrap().1;
    assert_eq!(name, format!("{}-my_photo_1.jpg", door.now().as_millisecond()));
    assert_eq!(media_urls(&door).await, json!([]));
    let answer = put(&door, &slot.upload_url, "Image/JPEG", jpeg(64, 32)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(media_urls(&door).await.as_array().unwrap().len(), 1);
    let completed = complete(&door, &slot.media).await.json();
    let file = &completed["mediaFile"];
    assert_eq!((&file["status"], &file["type"]), (&json!("ready"), &json!("image")));
    assert_eq!(
        (&file["metadata"]["width"], &file["metadata"]["height"]),
        (&json!(64), &json!(32))
    );
    assert_eq!(file["fileName"], json!(format!("images/{name}")));
    // The answer may have been lost: the same bytes are welcome again, others are not.
    assert_eq!(
        put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 32)).await.status,
        200
    );
    let other = put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 33)).await;
    assert_eq!(code(&other), coded(409, "UPLOAD_DONE"));
}

/// Q70: refused with a code, and before the bytes are stored.
#[tokio::test]
async fn an_upload_of_another_type_too_late_or_too_long_is_refused() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let slot = slot(&door, &group, "a.jpg", "image/jpeg").await;
    let wrong = put(&door, &slot.upload_url, "image/png", jpeg(64, 64)).await;
    assert_eq!(code(&wrong), coded(403, "UPLOAD_TYPE_MISMATCH"));
    let none = door.ask("PUT", &slot.upload_url, &[], jpeg(64, 64)).await;
    assert_eq!(code(&none), coded(403, "UPLOAD_TYPE_MISMATCH"));
    let headers = [("content-type", "image/jpeg"), ("content-length", "99000000000")];
    let long = door.ask("PUT", &slot.upload_url, &headers, "").await;
    assert_eq!(code(&long), coded(413, "UPLOAD_TOO_LARGE"));
    // Without an announced length it is cut off where it is too long.
    let mut bytes = jpeg(64, 64);
    bytes.resize(25_000_001, 0);
    let headers = [("content-type", "image/jpeg")];
    let long = door.ask("PUT", &slot.upload_url, &headers, bytes).await;
    assert_eq!(code(&long), coded(413, "UPLOAD_TOO_LARGE"));
    let tampered = slot.upload_url.replace("upload=", "upload=A");
    assert_eq!(
        code(&put(&door, &tampered, "image/jpeg", jpeg(64, 64)).await),
        coded(403, "UPLOAD_URL_INVALID")
    );
    let unsigned = slot.file_url.clone();
    assert_eq!(
        code(&put(&door, &unsigned, "image/jpeg", jpeg(64, 64)).await),
        coded(403, "UPLOAD_URL_INVALID")
    );
    door.clock.advance(SignedDuration::from_hours(1));
    let late = put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 64)).await;
    assert_eq!(code(&late), coded(403, "UPLOAD_URL_EXPIRED"));
    assert_eq!(media_urls(&door).await, json!([]));
}

/// Q71: the bytes decide what a file is, and one that is none has its documented code.
#[tokio::test]
async fn files_that_are_none_have_their_codes() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let cut_off = jpeg(64, 64)[..26].to_vec();
    for (name, mime, bytes, expected) in [
        ("wrong-extension.jpg", "image/jpeg", png(64, 64), None),
        (
            "text.jpg",
            "image/jpeg",
            b"hello, this is no picture".to_vec(),
            Some("MEDIA_FILE_INDETERMINATE_TYPE"),
        ),
        ("bomb.png", "image/png", png(40_000, 40_000), Some("PROBE_FAILED")),
        ("cut.jpg", "image/jpeg", cut_off, Some("PROBE_FAILED")),
    ] {
        let slot = slot(&door, &group, name, mime).await;
        let answer = put(&door, &slot.upload_url, mime, bytes).await;
        let completed = complete(&door, &slot.media).await;
        match expected {
            None => {
                assert_eq!((answer.status, completed.status), (200, 200), "{name}");
                assert_eq!(completed.json()["mediaFile"]["mimeType"], json!("image/png"));
            }
            Some(expected) => {
                assert_eq!(code(&answer), coded(400, expected), "{name}");
                assert_eq!(completed.status, 400, "{name}: {}", completed.body);
            }
        }
    }
}

#[tokio::test]
async fn what_get_upload_url_needs_is_said_in_one_text() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let missing = "fileName, contentType, and postGroupId are required";
    for body in [
        json!({}),
        json!({ "fileName": "a.jpg", "contentType": "image/jpeg" }),
        json!({ "fileName": "", "contentType": "image/jpeg", "postGroupId": group }),
        json!({ "fileName": "a.jpg", "contentType": null, "postGroupId": group }),
    ] {
        let answer = door.postpost("POST", "/get-upload-url", body.to_string()).await;
        assert_eq!(refusal(&answer), says(400, missing));
    }
    let answer = ask_for(&door, &group, "a.exe", "application/octet-stream").await;
    assert_eq!(
        refusal(&answer),
        says(400, "Only video, image, and PDF files are allowed")
    );
    let answer = ask_for(&door, "me", "a.jpg", "image/jpeg").await;
    assert_eq!(refusal(&answer), says(400, "Invalid postGroupId"));
    let answer = ask_for(&door, "0123456789abcdef01234567", "a.jpg", "image/jpeg").await;
    assert_eq!(refusal(&answer), says(404, "Post group not found"));
    // Somebody else's group is as good as none.
    let (_, key) = door.other("bob", domain::plan::Plan::default()).await;
    let body = json!({ "fileName": "a.jpg", "contentType": "image/jpeg", "postGroupId": group }).to_string();
    let answer = door
        .ask("POST", "/api/v1/get-upload-url", &[("x-api-key", &key)], body)
        .await;
    assert_eq!(refusal(&answer), says(404, "Post group not found"));
}

/// Q72: a post that is due waits for its files, and goes out with them.
#[tokio::test]
async fn a_due_post_waits_for_its_upload() {
    let door = Door::open().await;
    let now = door.now().to_string();
    let group = create(
        &door,
        &json!({ "content": "soon", "platforms": ["twitter-123456789"], "scheduledTime": now }).to_string(),
    )
    .await;
    let slot = slot(&door, &group, "a.jpg", "image/jpeg").await;
    door.publish().await;
    let status = async || door.postpost("GET", &format!("/get-post/{group}"), "").await.json()["posts"][0].clone();
    assert_eq!(status().await["status"], json!("scheduled"));
    assert_eq!(
        put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 64)).await.status,
        200
    );
    door.clock.advance(SignedDuration::from_secs(31));
    door.publish().await;
    assert_eq!(status().await["status"], json!("published"));
}

/// Q74: a program of the API's earlier name that asks for uploads after it has posted for now comes in time.
#[tokio::test]
async fn files_follow_in_time_to_what_was_posted_by_the_earlier_name() {
    let door = Door::open().await;
    let post = async |header: &str, at: Timestamp| {
        let body =
            json!({ "content": format!("{header} {at}"), "platforms": ["twitter-123456789"], "scheduledTime": at });
        let headers = [(header, door.key.as_str())];
        let made = door
            .ask("POST", "/api/v1/create-post", &headers, body.to_string())
            .await
            .json();
        (
            made["postGroupId"].as_str().unwrap().to_owned(),
            made["scheduledTime"].clone(),
        )
    };
    let text = |at: Timestamp| json!(format!("{at:.3}"));
    let seconds = SignedDuration::from_secs;
    let now = door.now();
    let (group, at) = post("x-publora-key", now).await;
    assert_eq!(at, text(now), "what was asked for");
    for asked in [now + seconds(1), now + seconds(3)] {
        assert_eq!(post("x-publora-key", asked).await.1, text(asked));
    }
    assert_eq!(post("x-publora-key", now - seconds(60)).await.1, text(now), "as ever");
    assert_eq!(post("x-api-key", now).await.1, text(now));
    door.publish().await;
    let slot = slot(&door, &group, "a.jpg", "image/jpeg").await;
    door.clock.advance(SignedDuration::from_secs(2));
    door.publish().await;
    assert_eq!(
        put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 64)).await.status,
        200
    );
    door.clock.advance(SignedDuration::from_secs(31));
    door.publish().await;
    let shown = door.postpost("GET", &format!("/get-post/{group}"), "").await.json();
    assert_eq!(shown["posts"][0]["status"], json!("published"));
}

/// Q72: nothing goes out without a file that was promised.
#[tokio::test]
async fn a_post_whose_upload_never_came_fails_with_a_clear_word() {
    let door = Door::open().await;
    let now = door.now().to_string();
    let body = json!({ "content": "soon", "platforms": ["twitter-123456789"], "scheduledTime": now });
    let group = create(&door, &body.to_string()).await;
    slot(&door, &group, "a.jpg", "image/jpeg").await;
    door.clock.advance(SignedDuration::from_mins(61));
    door.engine.keep_house_once().await.unwrap();
    door.publish().await;
    let post = door.postpost("GET", &format!("/get-post/{group}"), "").await.json()["posts"][0].clone();
    assert_eq!(post["error"]["code"], json!("PLATFORM_VALIDATION_ERROR"));
    assert_eq!(
        post["error"]["message"],
        json!("The file 'a.jpg' cannot be published: it was never uploaded")
    );
}

#[tokio::test]
async fn a_file_is_taken_out_while_its_post_can_be_edited() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let slot = slot(&door, &group, "a.jpg", "image/jpeg").await;
    put(&door, &slot.upload_url, "image/jpeg", jpeg(64, 64)).await;
    let delete = async |id: &str| door.postpost("DELETE", &format!("/media/{id}"), "").await;
    assert_eq!(refusal(&delete("me").await), says(400, "Invalid mediaId"));
    let unknown = delete("0123456789abcdef01234567").await;
    assert_eq!(refusal(&unknown), says(404, "Media file not found"));
    assert_eq!(delete(&slot.media).await.json(), json!({ "success": true }));
    assert_eq!(media_urls(&door).await, json!([]));
    assert_eq!(refusal(&delete(&slot.media).await), says(404, "Media file not found"));
    assert_eq!(
        code(&complete(&door, &slot.media).await),
        coded(404, "MEDIA_FILE_NOT_FOUND")
    );
    assert_eq!(code(&complete(&door, "me").await), coded(400, "INVALID_MEDIA_FILE_ID"));
    let late = slot_of_published(&door).await;
    let text = "Cannot delete media from a post that has already been published or failed";
    assert_eq!(refusal(&delete(&late).await), says(400, text));
}

/// A file of a post that is out.
async fn slot_of_published(door: &Door) -> String {
    let group = create(door, DRAFT).await;
    let slot = slot(door, &group, "a.jpg", "image/jpeg").await;
    put(door, &slot.upload_url, "image/jpeg", jpeg(64, 64)).await;
    let waiting = ask_for(door, &group, "b.jpg", "image/jpeg").await.json()["mediaId"].clone();
    let missing = complete(door, waiting.as_str().unwrap()).await;
    assert_eq!(code(&missing), coded(503, "PROBE_DOWNLOAD_FAILED"));
    door.postpost("DELETE", &format!("/media/{}", waiting.as_str().unwrap()), "")
        .await;
    let update = json!({ "status": "scheduled" }).to_string();
    assert_eq!(
        door.postpost("PUT", &format!("/update-post/{group}"), update)
            .await
            .status,
        200
    );
    door.publish().await;
    let late = ask_for(door, &group, "c.jpg", "image/jpeg").await;
    assert_eq!(refusal(&late), says(400, "Cannot upload media for a non-editable post"));
    slot.media
}

/// A form with a group and a picture.
fn form(group: &str, field: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--X\r\nContent-Disposition: form-data; name=\"postGroupId\"\r\n\r\n{group}\r\n--X\r\n\
         Content-Disposition: form-data; name=\"{field}\"; filename=\"a.png\"\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--X--\r\n"].concat()
}

async fn send_form(door: &Door, path: &str, body: Vec<u8>) -> Answer {
    let headers = [
        ("x-api-key", door.key.as_str()),
        ("content-type", "multipart/form-data; boundary=X"),
    ];
    door.ask("POST", &format!("/postpost/api/v1{path}"), &headers, body)
        .await
}

#[tokio::test]
async fn covers_and_thumbnails_are_stored_beside_the_post() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let cover = send_form(&door, "/upload-instagram-cover", form(&group, "cover", &png(64, 64))).await;
    assert_eq!(cover.status, 200, "{}", cover.body);
    assert!(
        cover.json()["cover"]["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:4000/media/")
    );
    let thumbnail = |bytes: &[u8]| form(&group, "thumbnail", bytes);
    let stored = send_form(&door, "/upload-youtube-thumbnail", thumbnail(&png(640, 360))).await;
    assert_eq!(stored.status, 200, "{}", stored.body);
    assert_eq!(media_urls(&door).await, json!([]));
    let large = vec![0; 2 * 1_024 * 1_024 + 1];
    for (body, text) in [
        (form("", "thumbnail", &png(640, 360)), "postGroupId is required"),
        (form("me", "thumbnail", &png(640, 360)), "Invalid postGroupId"),
        (form(&group, "picture", &png(640, 360)), "thumbnail file is required"),
        (
            thumbnail(&png(640, 359)),
            "YouTube thumbnails must be at least 640x360 pixels",
        ),
        (
            thumbnail(b"GIF89a, more or less"),
            "YouTube thumbnails must be JPEG or PNG images",
        ),
        (thumbnail(&large), "YouTube thumbnails must be 2 MB or smaller"),
    ] {
        let answer = send_form(&door, "/upload-youtube-thumbnail", body).await;
        assert_eq!(refusal(&answer), says(400, text));
    }
    let none = door.postpost("POST", "/upload-instagram-cover", "{}").await;
    assert_eq!(refusal(&none), says(400, "postGroupId is required"));
}

/// Q73: what is imported must be public, and all of it or nothing is taken.
#[tokio::test]
async fn urls_that_are_not_public_are_named_by_their_codes() {
    let door = Door::open().await;
    let send = async |urls: serde_json::Value| {
        let body = json!({ "content": "x", "platforms": ["twitter-1"], "mediaUrls": urls });
        door.postpost("POST", "/create-post", body.to_string()).await
    };
    let answer = send(json!(["https://10.0.0.1/a.jpg", "https://example.com/b.jpg"])).await;
    assert_eq!((answer.status, answer.error()), says(400, "Media ingestion failed"));
    let codes = |answer: &Answer| {
        let results = answer.json()["mediaResults"].as_array().unwrap().clone();
        let code = |result: &serde_json::Value| result["code"].as_str().unwrap().to_owned();
        results.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&answer), ["MEDIA_URL_BLOCKED_HOST", "MEDIA_URL_SKIPPED"]);
    for (url, expected) in [
        ("http://example.com/a.jpg", "MEDIA_URL_PROTOCOL"),
        ("ftp://example.com/a.jpg", "MEDIA_URL_PROTOCOL"),
        ("https://a:b@example.com/a.jpg", "MEDIA_URL_CREDENTIALS"),
        ("https://example.com:444/a.jpg", "MEDIA_URL_PORT"),
        ("a.jpg", "MEDIA_URL_INVALID"),
    ] {
        assert_eq!(codes(&send(json!([url])).await), [expected], "{url}");
    }
    // Seven were counted, whatever became of them.
    let ten = json!(vec!["https://10.0.0.1/"; 10]);
    for _ in 0..5 {
        assert_eq!(send(ten.clone()).await.status, 400);
    }
    let over = send(ten.clone()).await;
    assert_eq!(code(&over), coded(429, "MEDIA_URL_RATE_LIMITED"));
    assert_eq!(
        (over.header("retry-after"), &over.json()["retryAfterSec"]),
        ("3600".to_owned(), &json!(3_600))
    );
    door.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(send(ten).await.status, 400);
    let listed = door.postpost("GET", "/list-posts", "").await.json();
    assert_eq!(listed["posts"], json!([]));
}

#[tokio::test]
async fn an_attached_file_is_fetched_from_its_address() {
    let door = Door::open().await;
    let group = create(&door, DRAFT).await;
    let attach = async |id: &str, body: serde_json::Value| {
        door.postpost("POST", &format!("/attach-media/{id}"), body.to_string())
            .await
    };
    let file = json!({ "file": { "download_url": "https://10.0.0.1/a.jpg", "file_id": "f" } });
    assert_eq!(
        refusal(&attach("me", file.clone()).await),
        says(400, "Invalid post group ID")
    );
    let unknown = attach("0123456789abcdef01234567", file.clone()).await;
    assert_eq!(refusal(&unknown), says(404, "Post group not found"));
    assert_eq!(
        code(&attach(&group, json!({ "file": {} })).await),
        coded(400, "INVALID_MEDIA_FILE")
    );
    let refused = attach(&group, file).await;
    assert_eq!((refused.status, refused.error()), says(400, "Media ingestion failed"));
}
