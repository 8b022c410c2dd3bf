//! What the public page of a post tells of its id: how a person names a post.
//!
//! The forms are those that the platforms' own pages show in their address bars; the ids are those that their APIs give.

use url::Url;

use crate::AccountRef;

/// The pieces of an address's path that are not empty, without escapes of colons, as URNs and DIDs have them.
fn pieces(page: &Url) -> Vec<String> {
    let pieces = page.path_segments().into_iter().flatten();
    let plain = |piece: &str| piece.replace("%3A", ":").replace("%3a", ":");
    pieces.filter(|piece| !piece.is_empty()).map(plain).collect()
}

fn is_at(page: &Url, hosts: &[&str]) -> bool {
    let host = page.host_str().unwrap_or_default();
    hosts.contains(&host.trim_start_matches("www.").trim_start_matches("mobile."))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `x.com/{name}/status/{id}` and `x.com/i/web/status/{id}`, whatever follows, such as `/photo/1`.
pub(crate) fn on_x(page: &Url) -> Result<Option<String>, String> {
    let pieces = pieces(page);
    let mut behind = pieces.iter().skip_while(|piece| *piece != "status").skip(1);
    match behind
        .next()
        .filter(|id| is_number(id) && is_at(page, &["x.com", "twitter.com"]))
    {
        Some(id) => Ok(Some(id.clone())),
        None => Err("https://x.com/NAME/status/NUMBER".to_owned()),
    }
}

/// `bsky.app/profile/{handle or DID}/post/{key}` of this account, at any app that names posts so.
pub(crate) fn on_bluesky(account: AccountRef<'_>, page: &Url) -> Result<Option<String>, String> {
    let pieces = pieces(page);
    let own = |actor: &str| actor == account.remote_id || actor.eq_ignore_ascii_case(account.username);
    match pieces.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["profile", actor, "post", key, ..] if own(actor) && is_plain(key) => {
            Ok(Some(format!("at://{}/app.bsky.feed.post/{key}", account.remote_id)))
        }
        _ => Err(format!("https://bsky.app/profile/{}/post/KEY", account.username)),
    }
}

/// `/@{name}/{id}`, `/users/{name}/statuses/{id}` and `/notice/{id}` on the account's own server: other servers have
/// other ids for the same status.
pub(crate) fn on_mastodon(account: AccountRef<'_>, page: &Url) -> Result<Option<String>, String> {
    let home = account.base_url.and_then(|home| Url::parse(home).ok());
    let is_home = home.as_ref().is_none_or(|home| home.host_str() == page.host_str());
    let pieces = pieces(page);
    let id = match pieces.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [.., "statuses" | "notice", id] => Some(*id),
        [.., name, id] if name.starts_with('@') => Some(*id),
        _ => None,
    };
    match id.filter(|id| is_home && is_plain(id)) {
        Some(id) => Ok(Some(id.to_owned())),
        None => {
            let home = home.as_ref().and_then(Url::host_str).unwrap_or("SERVER");
            Err(format!("https://{home}/@{}/NUMBER", account.username))
        }
    }
}

/// `t.me/{channel}/{id}` and `t.me/c/{number}/{id}`, in a topic with its number before the id.
pub(crate) fn on_telegram(page: &Url) -> Result<Option<String>, String> {
    let pieces = pieces(page);
    let ids = if pieces.first().is_some_and(|first| first == "c") {
        2
    } else {
        1
    };
    let id = pieces.iter().skip(ids).next_back();
    match id.filter(|id| is_number(id) && is_at(page, &["t.me", "telegram.me"])) {
        Some(id) => Ok(Some(id.clone())),
        None => Err("https://t.me/CHANNEL/NUMBER".to_owned()),
    }
}

/// `linkedin.com/feed/update/{urn}` with the URN of a share or of a post. Other pages name an activity, which is another
/// number.
pub(crate) fn on_linkedin(page: &Url) -> Result<Option<String>, String> {
    if !is_at(page, &["linkedin.com"]) {
        return Err("https://www.linkedin.com/feed/update/URN".to_owned());
    }
    let is_post = |piece: &String| {
        let number = ["urn:li:share:", "urn:li:ugcPost:"]
            .iter()
            .find_map(|kind| piece.strip_prefix(kind));
        number.is_some_and(is_number)
    };
    Ok(pieces(page).into_iter().find(is_post))
}

/// `facebook.com/{page}_{post}`, `/{page}/posts/{post}`, `permalink.php?story_fbid={post}&id={page}`, and films under
/// `/reel/{id}` and `/{page}/videos/{id}`, where these are numbers. Newer pages hide them behind `pfbid…`.
pub(crate) fn on_facebook(account: AccountRef<'_>, page: &Url) -> Result<Option<String>, String> {
    if !is_at(page, &["facebook.com", "m.facebook.com", "web.facebook.com"]) {
        return Err("https://www.facebook.com/PAGE/posts/NUMBER".to_owned());
    }
    let own = account.remote_id;
    let post = |post: &str| is_number(post).then(|| format!("{own}_{post}"));
    let pieces = pieces(page);
    Ok(match pieces.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [id] if id
            .split_once('_')
            .is_some_and(|(of, post)| of == own && is_number(post)) =>
        {
            Some((*id).to_owned())
        }
        ["permalink.php" | "story.php"] => {
            let value = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
            let of = value("id").filter(|of| of == own);
            of.and_then(|_| post(&value("story_fbid")?))
        }
        [_, "posts", .., id] => post(id),
        ["reel", id] | [_, "videos", .., id] if is_number(id) => Some((*id).to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn account(remote_id: &'static str) -> AccountRef<'static> {
        AccountRef {
            remote_id,
            username: "ada.example",
            base_url: Some("https://social.example"),
        }
    }

    #[test]
    fn the_id_is_the_posts_and_not_the_last_piece_of_its_address() {
        for page in [
            "https://x.com/ada/status/123",
            "https://twitter.com/ada/status/123/photo/1?s=20",
            "https://x.com/i/web/status/123",
        ] {
            assert_eq!(on_x(&url(page)), Ok(Some("123".to_owned())), "{page}");
        }
        for page in [
            "https://t.me/ada/7",
            "https://t.me/c/1234/7?single",
            "https://t.me/c/1234/5/7",
            "https://t.me/ada/5/7",
        ] {
            assert_eq!(on_telegram(&url(page)), Ok(Some("7".to_owned())), "{page}");
        }
        for page in [
            "https://bsky.app/profile/ada.example/post/3kabc",
            "https://bsky.app/profile/did:plc:ada/post/3kabc",
            "https://bsky.app/profile/did%3Aplc%3Aada/post/3kabc",
        ] {
            let id = Ok(Some("at://did:plc:ada/app.bsky.feed.post/3kabc".to_owned()));
            assert_eq!(on_bluesky(account("did:plc:ada"), &url(page)), id, "{page}");
        }
        for page in [
            "https://social.example/@ada/109",
            "https://social.example/users/ada/statuses/109",
            "https://social.example/notice/109",
        ] {
            assert_eq!(
                on_mastodon(account("1"), &url(page)),
                Ok(Some("109".to_owned())),
                "{page}"
            );
        }
        let urn = "https://www.linkedin.com/feed/update/urn%3Ali%3Ashare%3A42/";
        assert_eq!(on_linkedin(&url(urn)), Ok(Some("urn:li:share:42".to_owned())));
        for page in [
            "https://www.facebook.com/9_42",
            "https://www.facebook.com/permalink.php?story_fbid=42&id=9",
            "https://www.facebook.com/ada/posts/42",
        ] {
            assert_eq!(
                on_facebook(account("9"), &url(page)),
                Ok(Some("9_42".to_owned())),
                "{page}"
            );
        }
        let reel = url("https://www.facebook.com/reel/42");
        assert_eq!(on_facebook(account("9"), &reel), Ok(Some("42".to_owned())));
    }

    #[test]
    fn a_page_that_is_no_post_of_the_account_is_refused_with_what_one_looks_like() {
        let ada = account("did:plc:ada");
        assert!(on_x(&url("https://x.com/ada")).unwrap_err().contains("/status/"));
        assert!(on_x(&url("https://x.example/ada/status/1")).is_err());
        assert!(on_telegram(&url("https://t.me/c/1234")).is_err());
        assert!(on_telegram(&url("https://t.me/ada")).is_err());
        assert!(on_bluesky(ada, &url("https://bsky.app/profile/bob.example/post/3k")).is_err());
        let refused = on_mastodon(ada, &url("https://elsewhere.example/@ada@social.example/109")).unwrap_err();
        assert!(refused.contains("social.example/@"), "{refused}");
        assert!(on_linkedin(&url("https://example.com/urn:li:share:1")).is_err());
    }

    #[test]
    fn an_id_that_the_page_hides_is_not_made_up() {
        let activity = url("https://www.linkedin.com/feed/update/urn:li:activity:42/");
        assert_eq!(on_linkedin(&activity), Ok(None));
        for page in [
            "https://www.facebook.com/ada/posts/pfbid02abc",
            "https://www.facebook.com/permalink.php?story_fbid=pfbid02abc&id=9",
            "https://www.facebook.com/photo/?fbid=42",
        ] {
            assert_eq!(on_facebook(account("9"), &url(page)), Ok(None), "{page}");
        }
    }
}
