//! Sign-ins under way, connection pages, and apps at servers that people run themselves.

use domain::ids::{LinkId, SignInId};
use domain::log::LogKind;
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};

use super::bench::{at, entry};
use super::{Bench, Outcome};
use crate::{
    Conflict, ConnectLink, Error, InstanceApp, LINKS_OPEN_MAX, NewSignIn, Reach, SIGN_INS_OPEN_MAX, SignInPhase,
    SignInRow, TakeRefused,
};

const DAY: i64 = 24 * 3_600;

/// A sign-in begun at this second, for ten minutes, with this secret.
fn new(bench: &Bench, reach: &Reach, secret: u8, seconds: i64) -> NewSignIn {
    NewSignIn {
        id: bench.sign_in_id(),
        owner: reach.owner,
        platform: Platform::X,
        link: None,
        account: None,
        return_to: Some("https://app.example/done".to_owned()),
        redirect_uri: "https://broadside.example/connect/callback".to_owned(),
        secret_hash: [secret; 32],
        memory: SecretBytes::new(vec![secret; 7]),
        created_at: at(seconds),
        expires_at: at(seconds + 600),
    }
}

fn page(bench: &Bench, reach: &Reach, seconds: i64) -> ConnectLink {
    ConnectLink {
        id: bench.link_id(),
        owner: reach.owner,
        return_to: None,
        platforms: vec![Platform::X, Platform::Bluesky],
        created_at: at(seconds),
        expires_at: at(seconds + 3_600),
        revoked_at: None,
        standing: false,
    }
}

/// The row as a refusal tells of it.
fn without_memory(mut row: SignInRow) -> Box<SignInRow> {
    row.memory = SecretBytes::default();
    Box::new(row)
}

pub(super) async fn a_sign_in_is_taken_once(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let link = page(&bench, &ann, 0);
    bench.add_link(link.clone(), [200; 32]).await?;
    let mut begun = new(&bench, &ann, 1, 0);
    begun.account = Some(account);
    begun.link = Some(link.id);
    bench.begin_sign_in(begun.clone()).await?;
    let seen = bench.peek_sign_in([1; 32], at(5)).await?.ok_or(Error::NotFound)?;
    assert_eq!((seen.id, seen.owner, seen.platform), (begun.id, ann.owner, Platform::X));
    assert_eq!((seen.link, seen.account), (Some(link.id), Some(account)));
    assert_eq!(
        (&seen.return_to, &seen.redirect_uri),
        (&begun.return_to, &begun.redirect_uri)
    );
    assert_eq!((seen.phase, &seen.memory), (SignInPhase::Authorizing, &begun.memory));
    let (one, two) = tokio::join!(bench.take_sign_in([1; 32], at(6)), bench.take_sign_in([1; 32], at(6)));
    let (taken, refused) = match (one?, two?) {
        (Ok(taken), Err(refused)) | (Err(refused), Ok(taken)) => (taken, refused),
        other => return Err(format!("one of two gets it: {other:?}").into()),
    };
    assert_eq!(taken, seen);
    assert_eq!(refused, TakeRefused::Replayed(without_memory(seen)));
    assert_eq!(bench.peek_sign_in([1; 32], at(7)).await?, None);
    assert_eq!(bench.take_sign_in([2; 32], at(7)).await?, Err(TakeRefused::Unknown));
    Ok(())
}

pub(super) async fn an_expired_sign_in_is_known_as_such_for_a_day(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.begin_sign_in(new(&bench, &ann, 1, 0)).await?;
    let row = bench.peek_sign_in([1; 32], at(599)).await?.ok_or(Error::NotFound)?;
    assert_eq!(bench.peek_sign_in([1; 32], at(600)).await?, None);
    let expired = Err(TakeRefused::Expired(without_memory(row)));
    assert_eq!(bench.take_sign_in([1; 32], at(600)).await?, expired);
    bench.prune(at(599 + DAY), 10).await?;
    assert_eq!(bench.take_sign_in([1; 32], at(600 + DAY)).await?, expired);
    bench.prune(at(600 + DAY), 10).await?;
    assert_eq!(
        bench.take_sign_in([1; 32], at(601 + DAY)).await?,
        Err(TakeRefused::Unknown)
    );
    bench.begin_sign_in(new(&bench, &ann, 1, 601 + DAY)).await?;
    Ok(())
}

pub(super) async fn a_choice_is_made_once_under_a_secret_of_its_own(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let begun = new(&bench, &ann, 1, 0);
    bench.begin_sign_in(begun.clone()).await?;
    let offer = |secret: u8| {
        let memory = SecretBytes::new(vec![secret; 3]);
        bench.offer_choice(begun.id, [secret; 32], memory, at(900))
    };
    assert!(matches!(offer(2).await, Err(Error::NotFound)), "it was not taken yet");
    bench
        .take_sign_in([1; 32], at(1))
        .await?
        .map_err(|refused| format!("{refused:?}"))?;
    let used = offer(1).await;
    assert!(matches!(used, Err(Error::Conflict(Conflict::SecretUsed))), "{used:?}");
    offer(2).await?;
    let shown = bench.peek_sign_in([2; 32], at(700)).await?.ok_or(Error::NotFound)?;
    assert_eq!((shown.id, shown.phase), (begun.id, SignInPhase::Choosing));
    assert_eq!((shown.memory.expose(), shown.expires_at), (&[2; 3][..], at(900)));
    let replayed = Err(TakeRefused::Replayed(without_memory(shown.clone())));
    assert_eq!(
        bench.take_sign_in([1; 32], at(700)).await?,
        replayed,
        "the state is spent"
    );
    assert_eq!(bench.take_sign_in([2; 32], at(701)).await?, Ok(shown));
    assert_eq!(bench.take_sign_in([2; 32], at(702)).await?, replayed);
    offer(3).await?;
    assert_eq!(
        bench.take_sign_in([2; 32], at(703)).await?,
        replayed,
        "one step goes on, not two"
    );
    assert!(bench.take_sign_in([3; 32], at(704)).await?.is_ok());
    let nobody = SignInId::from_bytes([9; 12]);
    let outcome = bench
        .offer_choice(nobody, [4; 32], SecretBytes::default(), at(900))
        .await;
    assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
    Ok(())
}

pub(super) async fn a_sign_in_is_bound_to_what_its_user_has(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let account = bench.connected(&bob, Platform::X, "1").await?.id;
    let link = page(&bench, &bob, 0);
    bench.add_link(link.clone(), [200; 32]).await?;
    let mut foreign = new(&bench, &ann, 1, 0);
    foreign.account = Some(account);
    let mut through = new(&bench, &ann, 1, 0);
    through.link = Some(link.id);
    let mut nobody = new(&bench, &ann, 1, 0);
    nobody.owner = domain::ids::UserId::from_bytes([9; 12]);
    for refused in [foreign, through, nobody] {
        let outcome = bench.begin_sign_in(refused).await;
        assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
    }
    bench.begin_sign_in(new(&bench, &ann, 1, 0)).await?;
    let twice = bench.begin_sign_in(new(&bench, &bob, 1, 0)).await;
    assert!(matches!(twice, Err(Error::Conflict(Conflict::SecretUsed))), "{twice:?}");
    bench.remove_user(ann.owner, at(1)).await?;
    assert_eq!(bench.peek_sign_in([1; 32], at(2)).await?, None);
    assert_eq!(bench.take_sign_in([1; 32], at(2)).await?, Err(TakeRefused::Unknown));
    Ok(())
}

pub(super) async fn a_user_has_a_hundred_sign_ins_open_and_no_more(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let most = u8::try_from(SIGN_INS_OPEN_MAX)?;
    for secret in 1..most {
        bench.begin_sign_in(new(&bench, &ann, secret, 0)).await?;
    }
    let (last, one_more) = (new(&bench, &ann, 201, 0), new(&bench, &ann, 202, 0));
    let (one, two) = tokio::join!(bench.begin_sign_in(last), bench.begin_sign_in(one_more));
    let refusal = match (one, two) {
        (Ok(()), Err(refusal)) | (Err(refusal), Ok(())) => refusal,
        other => return Err(format!("one of two is refused: {other:?}").into()),
    };
    assert!(
        matches!(refusal, Error::Conflict(Conflict::TooManySignIns(_))),
        "{refusal:?}"
    );
    bench.begin_sign_in(new(&bench, &bob, 203, 0)).await?;
    bench
        .take_sign_in([1; 32], at(1))
        .await?
        .map_err(|refused| format!("{refused:?}"))?;
    bench.begin_sign_in(new(&bench, &ann, 204, 1)).await?;
    let full = bench.begin_sign_in(new(&bench, &ann, 205, 1)).await;
    assert!(full.is_err(), "{full:?}");
    bench.begin_sign_in(new(&bench, &ann, 206, 600)).await?;
    Ok(())
}

pub(super) async fn a_connection_page_belongs_to_one_user(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let link = page(&bench, &ann, 0);
    bench.add_link(link.clone(), [1; 32]).await?;
    assert_eq!(bench.link([1; 32]).await?, Some(link.clone()));
    assert_eq!(bench.link([2; 32]).await?, None);
    let twice = bench.add_link(page(&bench, &bob, 0), [1; 32]).await;
    assert!(matches!(twice, Err(Error::Conflict(Conflict::SecretUsed))), "{twice:?}");
    let foreign = bench.revoke_link(&bob, link.id, at(5)).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    let unknown = bench.revoke_link(&ann, LinkId::from_bytes([9; 12]), at(5)).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    bench.revoke_link(&ann, link.id, at(5)).await?;
    bench.revoke_link(&ann, link.id, at(9)).await?;
    let revoked = bench.link([1; 32]).await?.and_then(|link| link.revoked_at);
    assert_eq!(revoked, Some(at(5)), "revoked is revoked");
    bench.prune(at(3_599 + DAY), 10).await?;
    assert!(bench.link([1; 32]).await?.is_some(), "whoever comes late is told so");
    bench.prune(at(3_600 + DAY), 10).await?;
    assert_eq!(bench.link([1; 32]).await?, None);
    bench.add_link(page(&bench, &bob, 0), [3; 32]).await?;
    bench.remove_user(bob.owner, at(1)).await?;
    assert_eq!(bench.link([3; 32]).await?, None, "nobody is there to connect for");
    let ghost = bench.add_link(page(&bench, &bob, 0), [4; 32]).await;
    assert!(matches!(ghost, Err(Error::NotFound)), "{ghost:?}");
    Ok(())
}

pub(super) async fn a_user_has_a_thousand_connection_pages_and_no_more(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let token = |n: u32| {
        let mut hash = [0; 32];
        hash.iter_mut().zip(n.to_be_bytes()).for_each(|(to, from)| *to = from);
        hash
    };
    let mut first = page(&bench, &ann, 0);
    first.platforms.clear();
    bench.add_link(first.clone(), token(0)).await?;
    assert_eq!(bench.link(token(0)).await?.map(|link| link.platforms), Some(vec![]));
    for n in 1..LINKS_OPEN_MAX {
        bench.add_link(page(&bench, &ann, 0), token(n)).await?;
    }
    let full = bench.add_link(page(&bench, &ann, 0), [255; 32]).await;
    assert!(
        matches!(full, Err(Error::Conflict(Conflict::TooManyLinks(_)))),
        "{full:?}"
    );
    bench.revoke_link(&ann, first.id, at(1)).await?;
    bench.add_link(page(&bench, &ann, 1), [255; 32]).await?;
    bench.add_link(page(&bench, &ann, 3_600), [254; 32]).await?;
    Ok(())
}

pub(super) async fn an_app_is_remembered_by_platform_and_server(bench: Bench) -> Outcome {
    let app = |secret: &str| InstanceApp {
        id: format!("id of {secret}"),
        secret: SecretText::from(secret),
    };
    let (home, away) = ("https://social.example", "https://other.example");
    assert_eq!(bench.app(Platform::Mastodon, home).await?, None);
    bench.remember_app(Platform::Mastodon, home, app("one")).await?;
    bench.remember_app(Platform::Mastodon, away, app("two")).await?;
    assert_eq!(bench.app(Platform::Mastodon, home).await?, Some(app("one")));
    assert_eq!(bench.app(Platform::Mastodon, away).await?, Some(app("two")));
    assert_eq!(bench.app(Platform::Bluesky, home).await?, None);
    bench.remember_app(Platform::Mastodon, home, app("three")).await?;
    assert_eq!(bench.app(Platform::Mastodon, home).await?, Some(app("three")));
    Ok(())
}

pub(super) async fn a_removed_account_may_be_signed_in_again(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let gone = entry(LogKind::Disconnected, 1);
    bench.remove_account(&ann, account, at(1), gone).await?;
    let mut again = new(&bench, &ann, 1, 2);
    again.account = Some(account);
    bench.begin_sign_in(again).await?;
    Ok(())
}
