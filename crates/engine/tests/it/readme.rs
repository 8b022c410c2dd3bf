//! The README's table of what happens when things go wrong, made by doing it. `BROADSIDE_UPDATE_README=1` writes it.

use domain::platform::Platform;
use domain::post::PostState;
use engine::points::CrashPoint;
use sandbox::{Class, Fault, Rule};

use crate::world::shelf::StopAt;
use crate::world::{EMULATED, Outside, Shelf, content, go_on, post_now, run_to_the_end, run_until_stopped, state};

const START: &str = "<!-- four faults -->";
const END: &str = "<!-- end of four faults -->";

struct Trial {
    name: &'static str,
    fault: Option<Fault>,
    crash: Option<CrashPoint>,
}

fn trials() -> [Trial; 4] {
    [
        Trial {
            name: "nothing",
            fault: None,
            crash: None,
        },
        Trial {
            name: "the connection drops after the post was made",
            fault: Some(Fault::DropAfter),
            crash: None,
        },
        Trial {
            name: "500, but the post was made",
            fault: Some(Fault::ErrorAfter { status: 500 }),
            crash: None,
        },
        Trial {
            name: "the server is killed before it writes the answer down",
            fault: None,
            crash: Some(CrashPoint::AnswerRead),
        },
    ]
}

async fn cell(outside: &Outside, platform: Platform, number: usize, trial: &Trial) -> String {
    let shelf = Shelf::sqlite();
    let text = format!("fault {number}");
    let script = trial
        .fault
        .clone()
        .map(|fault| Rule::nth(Class::Create, 1, fault))
        .into_iter()
        .collect();
    let setup = outside.engine(shelf.open(), go_on()).await;
    let (user, account) = outside
        .connect(&setup, platform, &format!("{platform}-fault-{number}"), script)
        .await;
    let group = post_now(&setup, &user, &account, content(outside, platform, &text, &[])).await;
    drop(setup);
    run_until_stopped(&outside.engine(shelf.open(), StopAt::new(trial.crash, 1)).await).await;
    let engine = outside.engine(shelf.open(), go_on()).await;
    run_to_the_end(outside, &engine).await;
    let told = match state(&engine, &user, group).await {
        PostState::Published { .. } => "published",
        PostState::Unconfirmed { .. } => "unconfirmed",
        other => panic!("{platform}, {}: {other:?}", trial.name),
    };
    format!("{}, {told}", outside.copies(platform, &text))
}

#[tokio::test]
async fn the_readme_tells_what_four_faults_really_do() {
    let outside = Outside::new().await;
    let mut table = String::from("| What goes wrong |");
    EMULATED
        .iter()
        .for_each(|platform| table += &format!(" {} |", platform.name()));
    table += "\n|---|";
    EMULATED.iter().for_each(|_| table += "---|");
    for (number, trial) in trials().iter().enumerate() {
        table += &format!("\n| {} |", trial.name);
        for platform in EMULATED {
            table += &format!(" {} |", cell(&outside, *platform, number, trial).await);
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(START).expect("the README has the table's start");
    let (written, after) = rest.split_once(END).expect("the README has the table's end");
    if std::env::var_os("BROADSIDE_UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}{START}\n{table}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        written.trim(),
        table,
        "run this test with BROADSIDE_UPDATE_README=1 to write the table"
    );
}
