"""What programs in Python do with the API: they post, look after their posts, and cope with errors."""

import os
import sys
import time

import requests

BASE, KEY, LIMITED = os.environ["BASE"], os.environ["KEY"], os.environ["LIMITED_KEY"]
GOOD, BAD = os.environ["GOOD"].split(), os.environ["BAD"].split()
PAUSE, TRIES = 0.05, 3
DONE = {"published", "failed"}


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(body.get("error") or body.get("message") or "no word of why")
        self.status, self.body = status, body


def call(method, path, key=KEY, headers=None, base=BASE, **rest):
    sent = {"x-api-key": key} if key else {}
    answer = requests.request(method, base + path, headers={**sent, **(headers or {})}, timeout=30, **rest)
    body = answer.json()
    if not answer.ok:
        raise ApiError(answer.status_code, body)
    return body


def patiently(method, path, **rest):
    """Asks again, later and later, while the trouble is the server's or the network's."""
    for tried in range(TRIES + 1):
        try:
            return call(method, path, **rest)
        except ApiError as error:
            if error.status < 500:
                raise
            trouble = f"{error.status} {error}"
        except requests.ConnectionError:
            trouble = "no connection"
        if tried < TRIES:
            print(f"  {trouble}; again in {2 ** tried} pauses")
            time.sleep(PAUSE * 2 ** tried)
    raise RuntimeError(f"{trouble}, {TRIES + 1} times")


def told(label, method, path, **rest):
    try:
        body = patiently(method, path, **rest)
        print(f"{label}: done, success is {body.get('success')}")
    except ApiError as error:
        extra = {name: error.body[name] for name in ("code", "metric", "limit", "used", "remaining") if name in error.body}
        print(f"{label}: {error.status} {error} {extra or ''}".rstrip())
    except RuntimeError as error:
        print(f"{label}: gave up: {error}")


def post(text, platforms):
    body = {"content": f"{text}, from Python", "platforms": platforms, "scheduledTime": "2026-01-01T00:00:00.000Z"}
    group = call("POST", "/create-post", json=body)["postGroupId"]
    until = time.monotonic() + 60
    while True:
        found = call("GET", f"/get-post/{group}")
        if all(target["status"] in DONE for target in found["posts"]):
            return group
        if time.monotonic() > until:
            sys.exit(f"not done: {found}")
        time.sleep(0.2)


def outcome(group):
    found = call("GET", f"/get-post/{group}")
    states = [target["status"] for target in found["posts"]]
    whole = "partly"
    if all(state == "published" for state in states):
        whole = "all"
    elif all(state == "failed" for state in states):
        whole = "none"
    print(f"published: {whole}; keys {sorted(found)}")
    for target in found["posts"]:
        print(f"  {target['platform']} {target['platformId']}: {target['status']} {target.get('postedId', 'without an id')}")
        if target.get("error"):
            error = target["error"]
            print(f"    {error['code']}: {error['message']} (HTTP {error.get('platformStatusCode')}, retryable {error['retryable']})")


def history(group):
    logs = call("GET", f"/post-logs/{group}")["logs"]
    by_platform = {}
    for entry in logs:
        by_platform.setdefault(entry.get("platform", "the group"), []).append(entry)
    for platform in sorted(by_platform):
        print(f"  {platform}: {', '.join(entry['event'] for entry in by_platform[platform])}")
    failures = [entry for entry in logs if entry["event"] == "publish_failed"]
    for entry in sorted(failures, key=lambda entry: entry["platform"]):
        advice = "try again" if entry.get("metadata", {}).get("retryable") else "do not try again"
        print(f"  {entry['platform']}: {entry['error']} (HTTP {entry.get('httpStatus')}): {advice}")


print("# Posts")
groups = [post("to all", GOOD + BAD), post("to the good", GOOD), post("to the bad", BAD)]
for group in groups:
    outcome(group)
    history(group)

print("# Errors")
told("no key", "GET", "/list-posts", key="")
told("a wrong key", "GET", "/list-posts", key="sk_wrong_00000000.00")
told("acting for nobody", "GET", "/list-posts", headers={"x-postpost-user-id": "nobody"})
told("acting for a stranger", "GET", "/list-posts", headers={"x-postpost-user-id": "0" * 24})
for label, body in [
    ("no content", {"platforms": GOOD}),
    ("no platforms", {"content": "x"}),
    ("an empty list", {"content": "x", "platforms": []}),
    ("half a list", {"content": "x", "platforms": "[\"a"}),
    ("no list", {"content": "x", "platforms": {"a": 1}}),
    ("no id", {"content": "x", "platforms": ["twitter"]}),
    ("a broken time", {"content": "x", "platforms": GOOD, "scheduledTime": "March 15, 2026"}),
    ("broken settings", {"content": "x", "platforms": GOOD, "platformSettings": "{"}),
    ("settings in a list", {"content": "x", "platforms": GOOD, "platformSettings": []}),
]:
    told(label, "POST", "/create-post", json=body)
told("beyond the plan", "POST", "/create-post", key=LIMITED, json={"content": "x", "platforms": ["twitter-123456789"], "scheduledTime": "2026-01-01T00:00:00.000Z"})
told("nothing to change", "PUT", f"/update-post/{groups[0]}", json={})
told("a state of one's own", "PUT", f"/update-post/{groups[0]}", json={"status": "published"})
told("too late", "PUT", f"/update-post/{groups[1]}", json={"status": "draft"})
told("an upload of nothing", "POST", "/get-upload-url", json={"fileName": "a.jpg"})
told("an unknown post", "GET", f"/get-post/{'0' * 24}")
told("no post's history", "GET", f"/post-logs/{'0' * 24}")
told("what is no id", "GET", "/get-post/none")
told("no id's history", "GET", "/post-logs/none")
told("nobody there", "GET", "/list-posts", base="http://127.0.0.1:9")
told("removed", "DELETE", f"/delete-post/{groups[2]}")
told("removed twice", "DELETE", f"/delete-post/{groups[2]}")
