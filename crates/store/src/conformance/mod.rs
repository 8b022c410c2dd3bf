//! What every back end must do: each verb with its edges, on a fresh store.
//!
//! A back end's test is `exercise(|| async { the store }).await`. A failure names its scenario and what was expected.

mod accounts;
mod bench;
mod budgets;
mod claims;
mod connections;
mod deliveries;
mod derivatives;
mod edits;
mod evidence;
mod groups;
mod intents;
mod media;
mod operation;
mod people;
mod plans;
#[cfg(test)]
mod random;
mod retractions;
mod revocations;
mod sign_ins;
mod usage;
mod webhooks;
mod workspaces;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use bench::Bench;

use crate::Store;

/// A scenario's end: an error that it did not expect is a failure.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

type Scenario = (&'static str, fn(Bench) -> Pin<Box<dyn Future<Output = Outcome> + Send>>);

/// Names scenarios and boxes their futures.
macro_rules! scenarios {
    ($($module:ident: $($name:ident),+ $(,)?;)+) => {
        const SCENARIOS: &[Scenario] = &[$($((stringify!($name), |bench| Box::pin($module::$name(bench)))),+),+];
    };
}

scenarios! {
    people:
        a_users_name_is_taken_until_the_user_is_removed,
        users_are_listed_oldest_first,
        a_key_stands_for_its_user_until_it_is_revoked,
        two_callers_cannot_both_take_the_last_key,
        the_last_use_of_a_key_never_goes_back,
        a_removed_user_is_not_found_and_its_due_posts_are_cancelled;
    accounts:
        an_account_keeps_its_id_however_often_it_is_connected,
        a_removed_account_is_hidden_and_its_due_posts_are_cancelled,
        a_thread_cut_off_by_a_removed_account_says_what_is_live,
        a_live_post_whose_account_goes_before_its_first_comment_stays_published,
        what_was_removed_is_not_there_for_the_next_create,
        tokens_of_a_removed_account_stay_while_an_intent_is_open,
        what_only_a_repeat_could_tell_is_unconfirmed_when_its_account_goes,
        a_refresh_is_begun_once_and_makes_the_next_version,
        a_failed_refresh_asks_for_a_person,
        a_refresh_that_was_overtaken_changes_nothing,
        what_is_noted_of_an_account_stays_until_it_is_noted_anew,
        what_is_noted_of_old_tokens_does_not_spoil_newer_ones,
        accounts_of_others_are_out_of_reach;
    connections:
        tokens_are_looked_at_when_they_are_due_the_longest_due_first,
        putting_off_may_be_told,
        an_exchange_that_did_not_end_is_found_again,
        an_exchange_that_was_not_made_may_be_begun_again,
        a_refused_exchange_is_looked_at_no_more,
        an_exchange_keeps_what_it_does_not_replace,
        an_open_intent_is_known_by_its_account,
        a_check_says_what_an_account_is_and_lacks,
        a_report_counts_seven_days_and_what_is_due,
        the_history_of_connections_is_read_in_pages;
    sign_ins:
        a_sign_in_is_taken_once,
        an_expired_sign_in_is_known_as_such_for_a_day,
        a_choice_is_made_once_under_a_secret_of_its_own,
        a_sign_in_is_bound_to_what_its_user_has,
        a_user_has_a_hundred_sign_ins_open_and_no_more,
        a_connection_page_belongs_to_one_user,
        a_user_has_a_thousand_connection_pages_and_no_more,
        an_app_is_remembered_by_platform_and_server,
        a_removed_account_may_be_signed_in_again;
    groups:
        a_group_is_read_as_it_was_made,
        a_draft_is_not_due,
        the_same_request_is_answered_again_and_another_body_is_refused,
        two_callers_with_one_request_make_one_group,
        an_expired_request_is_forgotten,
        a_group_of_an_unknown_owner_is_refused_as_a_whole,
        lists_are_ordered_filtered_and_counted_exactly,
        history_is_in_order_and_within_reach,
        groups_of_others_are_out_of_reach;
    plans:
        an_edit_moves_every_post_or_none,
        a_draft_that_is_scheduled_finds_its_account,
        an_edit_after_a_claim_is_refused,
        a_deleted_group_is_hidden_and_its_posts_are_cancelled,
        a_deleted_groups_open_intent_runs_to_its_verdict,
        a_failed_post_is_retried_by_hand_with_its_retries_counted_anew,
        only_failed_and_missed_posts_are_retried_by_hand,
        a_person_may_say_that_an_unconfirmed_post_is_live,
        a_thread_goes_on_behind_the_part_that_a_person_has_seen,
        a_person_may_have_an_unconfirmed_post_sent_again;
    edits:
        an_edit_changes_what_is_named_and_nothing_else,
        targets_are_replaced_and_those_that_stay_keep_their_posts,
        what_was_tried_can_be_moved_and_not_rewritten,
        the_same_edit_again_is_answered_as_it_was;
    usage:
        nothing_is_counted_without_a_limit,
        posts_count_from_when_they_are_scheduled_until_they_are_taken_back,
        what_was_sent_counts_for_its_month_for_good,
        months_that_are_over_are_forgotten_and_never_owed,
        two_hundred_callers_find_a_hundred_places,
        a_refused_group_leaves_nothing_and_a_replay_is_not_counted,
        every_limit_stands_in_the_way_by_itself,
        an_edit_is_held_to_the_limits_of_where_it_leads,
        connections_are_limited_when_they_are_made_and_when_there_are_too_many,
        users_follow_their_plan_when_it_changes;
    workspaces:
        a_managed_user_is_its_managers_and_lives_by_its_plan,
        posts_of_managed_users_are_counted_with_their_managers,
        a_user_is_attached_by_its_own_consent_and_once,
        accounts_that_come_along_need_room,
        a_detached_user_keeps_what_is_its_own,
        a_managers_key_for_a_user_replaces_the_one_before,
        the_same_page_is_given_until_it_ends,
        a_removed_manager_leaves_users_of_their_own;
    claims:
        due_posts_are_claimed_once_oldest_first,
        two_publishers_never_hold_one_post,
        a_claim_says_what_there_is_to_do,
        an_account_without_a_slot_is_passed_over,
        questions_and_sends_do_not_take_each_others_room,
        late_posts_go_out_one_an_account,
        a_crowd_that_is_passed_over_is_put_off,
        a_target_is_looked_up_again_at_the_claim,
        a_checkpoint_keeps_the_lease_and_what_prepare_left,
        a_group_shows_the_state_of_a_post_that_is_prepared_in_steps,
        a_lost_lease_changes_nothing,
        a_release_counts_attempts_and_retries,
        an_illegal_move_is_refused_as_a_whole,
        an_unconfirmed_post_is_looked_at_on_request;
    intents:
        an_intent_holds_all_that_will_be_sent,
        an_intent_is_refused_once_the_claim_has_ended,
        an_intent_is_refused_for_a_deleted_group_and_a_removed_account,
        an_intent_waits_for_earlier_ones_of_its_part,
        look_alikes_of_one_account_go_out_one_by_one,
        parts_are_settled_one_after_the_other,
        a_refused_send_is_tried_again_under_a_new_intent,
        a_remote_post_belongs_to_one_part_of_one_post;
    budgets:
        an_intent_spends_of_all_its_budgets_or_is_not_recorded,
        who_waits_for_a_budget_has_a_place_of_his_own,
        two_callers_cannot_both_spend_the_last_of_a_budget,
        a_pause_that_a_platform_asks_for_holds_for_all,
        what_was_never_sent_is_given_back,
        budgets_of_which_nothing_counts_are_forgotten;
    evidence:
        a_late_answer_of_a_fenced_sender_is_kept,
        a_posts_own_id_takes_the_place_of_its_stand_in,
        an_intent_was_settled_when_it_first_was,
        a_late_refusal_closes_the_intent_and_no_more,
        evidence_completes_a_post_only_when_all_its_parts_are_live,
        a_second_adopted_send_is_a_duplicate,
        orphans_without_an_intent_go_back_on_schedule,
        orphans_with_an_open_intent_are_asked_for,
        orphans_that_only_asked_stay_as_they_are,
        only_ended_leases_are_recovered_while_others_work;
    derivatives:
        a_derivative_is_kept_while_a_group_uses_it,
        a_derivative_needs_a_group;
    retractions:
        a_published_post_is_removed_once_and_says_so,
        only_a_published_post_of_ones_own_is_removed;
    revocations:
        tokens_of_a_removed_account_stay_until_they_are_given_back,
        tokens_are_needed_for_as_long_as_a_post_is_asked_about,
        an_account_that_is_connected_again_keeps_its_tokens,
        a_removed_users_tokens_are_given_back;
    media:
        a_group_awaits_a_file_until_it_is_ready,
        a_failed_upload_is_awaited_and_may_be_tried_again,
        files_for_the_settings_are_not_published,
        files_belong_to_groups_that_can_be_edited,
        a_removed_file_is_condemned_unless_it_is_shown_elsewhere,
        uploads_that_nobody_made_end_and_go_with_their_group,
        imports_are_counted_by_the_hour;
    operation:
        the_backlog_counts_what_is_due_and_what_is_claimed,
        posts_are_counted_by_platform_and_state,
        deleted_groups_are_pruned_when_all_is_over,
        what_a_removed_user_leaves_is_pruned_when_all_is_over,
        media_that_another_group_shows_is_kept,
        what_was_sent_is_forgotten_a_month_after_it_was_published,
        what_is_told_of_accounts_is_forgotten_after_half_a_year,
        the_installation_stays_the_same;
    webhooks:
        a_webhook_is_read_as_it_was_made_and_changed_as_it_was_asked,
        two_callers_cannot_both_take_the_last_webhook,
        a_posts_way_is_told_to_whom_it_concerns,
        a_failure_and_a_second_plan_are_told_and_looks_are_not,
        what_becomes_of_an_account_is_told;
    deliveries:
        a_message_is_rendered_once_and_sent_under_one_id,
        messages_go_out_in_order_and_a_retry_gives_up_its_place,
        a_receiver_that_fails_five_times_in_a_row_is_switched_off,
        failing_receivers_do_not_take_the_room_of_sound_ones,
        what_a_dialect_has_no_words_for_is_withdrawn,
        a_test_is_sent_whatever_the_receiver_listens_to,
        ended_messages_are_pruned_after_a_week,
        a_removed_user_has_no_webhooks;
}

/// Runs every scenario, each on a store of its own.
///
/// # Panics
/// At the first scenario that fails.
pub async fn exercise<F, S>(make: F)
where
    F: Fn() -> S,
    S: Future<Output = Arc<dyn Store>>,
{
    for (name, scenario) in SCENARIOS {
        eprintln!("scenario: {name}");
        let outcome = scenario(Bench::new(make().await)).await;
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}
