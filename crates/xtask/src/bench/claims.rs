//! What a claim costs beside many future posts, and beside few.

use domain::account::User;
use domain::clock::Clock;
use domain::ids::{AttemptId, IdMint};
use domain::platform::Platform;
use engine::Engine;
use engine::commands::Target;
use jiff::SignedDuration;
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{ClaimAsk, Slots};

use super::Bench;
use super::report::{Line, Subject, Target as Bound};
use super::seed;
use super::site::{self, Setup};
use super::stopwatch::{Stopwatch, median};
use crate::clock::SystemClock;

/// Posts in one claim.
const CLAIMED: u32 = 100;
/// Claims in one sample.
const CLAIMS: usize = 20;

const SUBJECT: Subject = Subject {
    name: "claim-scaling",
    what: "A durable claim of 100 due posts beside 1,000,000 future ones",
    against: "the same beside 10,000",
    unit: "µs",
    target: Bound::AtMost(1.5),
};

/// Measures claims.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Line> {
    let (many, few) = (bench.folder("many"), bench.folder("few"));
    seed::copy(&bench.with_many_future_posts().await?, &many)?;
    seed::copy(&bench.with_few_future_posts().await?, &few)?;
    let (many, few) = (
        site::open(&many, Setup::default()).await?,
        site::open(&few, Setup::default()).await?,
    );
    let user = many.user_by_name(seed::USER).await?;
    let mut rng = StdRng::seed_from_u64(1);
    let (mut beside_many, mut beside_few) = (Vec::new(), Vec::new());
    for nth in 0..bench.sizes.samples {
        if nth % 2 == 0 {
            beside_many.push(sample(&many, &user, &mut rng).await?);
            beside_few.push(sample(&few, &user, &mut rng).await?);
        } else {
            beside_few.push(sample(&few, &user, &mut rng).await?);
            beside_many.push(sample(&many, &user, &mut rng).await?);
        }
    }
    Ok(Line::against(SUBJECT, &beside_many, &beside_few))
}

/// The median of some claims, in microseconds.
async fn sample(engine: &Engine, user: &User, rng: &mut StdRng) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for _ in 0..CLAIMS {
        let targets = (0..CLAIMED)
            .map(|number| Target {
                platform: Platform::Mastodon,
                remote_id: seed::remote_id(number),
            })
            .collect();
        let now = SystemClock.now();
        engine
            .create_group(seed::group(user, seed::TEXT.to_owned(), targets, now))
            .await?;
        let ask = ask(rng);
        let watch = Stopwatch::start();
        let claimed = engine.store().claim_due(ask).await?;
        took.push(watch.elapsed().as_secs_f64() * 1e6);
        anyhow::ensure!(
            claimed.claims.len() == CLAIMED as usize,
            "{} were claimed",
            claimed.claims.len()
        );
    }
    Ok(median(&took))
}

fn ask(rng: &mut StdRng) -> ClaimAsk {
    let now = SystemClock.now();
    let mut mint = IdMint::default();
    ClaimAsk {
        now,
        limit: CLAIMED as usize,
        lease: SignedDuration::from_hours(1),
        attempts: (0..CLAIMED)
            .map(|_| AttemptId::from_bytes(mint.next(now, rng)))
            .collect(),
        slots: Slots {
            per_account_max: u16::MAX,
            ..Slots::default()
        },
    }
}
