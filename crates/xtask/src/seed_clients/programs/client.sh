#!/bin/sh
# What scripts do with the API: the body and the status of an answer in one go, then a case for each status.
set -eu

first_good=${GOOD%% *}
first_bad=${BAD%% *}

# ask METHOD PATH [JSON [KEY]]: leaves $status and $body.
ask() {
  answer=$(curl -sS -w '\n%{http_code}' -X "$1" "$BASE$2" \
    -H 'Content-Type: application/json' -H "x-api-key: ${4-$KEY}" ${3:+-d "$3"})
  body=$(printf '%s\n' "$answer" | sed '$d')
  status=$(printf '%s\n' "$answer" | tail -n 1)
}

show() {
  case $status in
    200 | 201) echo "$1: done: $body" ;;
    400) echo "$1: bad request: $body" ;;
    401) echo "$1: not signed in: $body" ;;
    403) echo "$1: not allowed: $body" ;;
    404) echo "$1: not found: $body" ;;
    500) echo "$1: the server failed: $body" ;;
    *) echo "$1: $status: $body" ;;
  esac
}

# post TEXT PLATFORM: leaves $group.
post() {
  ask POST /create-post "{\"content\":\"$1, from cURL\",\"platforms\":[\"$2\"],\"scheduledTime\":\"2026-01-01T00:00:00.000Z\"}"
  show "$1"
  group=$(printf '%s' "$body" | sed 's/.*"postGroupId":"\([0-9a-f]*\)".*/\1/')
  tries=0
  while [ "$tries" -lt 300 ]; do
    ask GET "/get-post/$group"
    case $body in
      *'"status":"published"'* | *'"status":"failed"'*) break ;;
    esac
    tries=$((tries + 1))
    sleep 0.2
  done
  show "$1"
  ask GET "/post-logs/$group"
  show "$1"
}

echo '# Posts'
post 'to a good one' "$first_good"
post 'to a bad one' "$first_bad"

echo '# Errors'
ask GET /list-posts '' ''
show 'no key'
ask GET /list-posts '' sk_wrong_00000000.00
show 'a wrong key'
ask POST /create-post '{"platforms":["twitter-1"]}'
show 'no content'
ask POST /create-post '{"content":"x","platforms":["twitter-1"],"scheduledTime":"March 15, 2026"}'
show 'a broken time'
ask POST /create-post '{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-01-01T00:00:00.000Z"}' "$LIMITED_KEY"
show 'beyond the plan'
ask PUT "/update-post/$group" '{"status":"draft"}'
show 'too late'
ask GET /get-post/000000000000000000000000
show 'an unknown post'
ask GET /get-post/none
show 'what is no id'
ask DELETE "/delete-post/$group"
show 'removed'
ask DELETE "/delete-post/$group"
show 'removed twice'
