//! The scopes that apps may ask for, with what they mean in the consent page. Those that a publisher needs are all
//! here; the platforms have more.

/// Names of scopes and their meanings.
pub(super) type Scopes = &'static [(&'static str, &'static str)];

pub(super) const X: Scopes = &[
    ("tweet.read", "See posts"),
    ("tweet.write", "Post for you"),
    ("users.read", "See your profile"),
    ("media.write", "Upload media"),
    ("offline.access", "Stay connected until you revoke access"),
    ("tweet.moderate.write", "Hide and unhide replies"),
    ("follows.read", "See whom you follow"),
];

pub(super) const LINKEDIN: Scopes = &[
    ("openid", "Use your name and photo"),
    ("profile", "See your profile"),
    ("email", "See your e-mail address"),
    ("w_member_social", "Post for you"),
    ("w_member_social_feed", "Comment for you"),
    ("r_organization_social", "See the posts of your organizations"),
    ("w_organization_social", "Post for your organizations"),
    ("rw_organization_admin", "See which organizations you manage"),
    ("r_organization_admin", "See which organizations you manage"),
    ("r_basicprofile", "See your basic profile"),
    ("r_member_postAnalytics", "See the figures of your posts"),
];

pub(super) const FACEBOOK: Scopes = &[
    ("public_profile", "Use your name and picture"),
    ("email", "See your e-mail address"),
    ("pages_show_list", "See which Pages you manage"),
    ("pages_read_engagement", "Read what your Pages have posted"),
    ("pages_manage_posts", "Post to your Pages"),
    ("pages_manage_engagement", "Comment for your Pages"),
    ("pages_manage_metadata", "See and change your Pages' settings"),
    ("pages_read_user_content", "Read comments on your Pages"),
    ("publish_video", "Publish videos to your Pages"),
    ("business_management", "Manage your business"),
    ("read_insights", "See your Pages' figures"),
    ("instagram_basic", "See the Instagram account of your Page"),
    (
        "instagram_content_publish",
        "Post to the Instagram account of your Page",
    ),
];

pub(super) const INSTAGRAM: Scopes = &[
    ("instagram_business_basic", "See your profile and media"),
    ("instagram_business_content_publish", "Publish for you"),
    ("instagram_business_manage_comments", "Comment for you"),
    ("instagram_business_manage_messages", "Read and send messages"),
    ("instagram_business_manage_insights", "See your figures"),
];

pub(super) const THREADS: Scopes = &[
    ("threads_basic", "See your profile and posts"),
    ("threads_content_publish", "Post for you"),
    ("threads_manage_replies", "Reply and hide replies for you"),
    ("threads_read_replies", "Read replies to your posts"),
    ("threads_delete", "Delete your posts"),
    ("threads_location_tagging", "Tag locations in your posts"),
    ("threads_manage_insights", "See your figures"),
    ("threads_keyword_search", "Search posts"),
    ("threads_manage_mentions", "Read posts that mention you"),
    ("threads_profile_discovery", "See other profiles"),
];

pub(super) const TIKTOK: Scopes = &[
    ("user.info.basic", "Use your name and picture"),
    ("user.info.profile", "See your profile"),
    ("user.info.stats", "See your figures"),
    ("video.publish", "Post for you"),
    ("video.upload", "Send drafts to your inbox"),
    ("video.list", "See your public videos"),
];

pub(super) const YOUTUBE: Scopes = &[
    ("openid", "Know who you are"),
    (
        "https://www.googleapis.com/auth/userinfo.profile",
        "See your name and picture",
    ),
    (
        "https://www.googleapis.com/auth/userinfo.email",
        "See your e-mail address",
    ),
    ("https://www.googleapis.com/auth/youtube.upload", "Upload your videos"),
    ("https://www.googleapis.com/auth/youtube.readonly", "See your channel"),
    ("https://www.googleapis.com/auth/youtube", "Manage your channel"),
    (
        "https://www.googleapis.com/auth/youtube.force-ssl",
        "Manage your videos and comments",
    ),
];

pub(super) const GOOGLE_BUSINESS: Scopes = &[
    ("openid", "Know who you are"),
    (
        "https://www.googleapis.com/auth/userinfo.profile",
        "See your name and picture",
    ),
    (
        "https://www.googleapis.com/auth/userinfo.email",
        "See your e-mail address",
    ),
    (
        "https://www.googleapis.com/auth/business.manage",
        "Manage your business listings",
    ),
];

pub(super) const PINTEREST: Scopes = &[
    ("user_accounts:read", "See your profile"),
    ("boards:read", "See your boards"),
    ("boards:write", "Change your boards"),
    ("pins:read", "See your Pins"),
    ("pins:write", "Make Pins for you"),
    ("boards:read_secret", "See your secret boards"),
    ("boards:write_secret", "Change your secret boards"),
    ("pins:read_secret", "See your secret Pins"),
    ("pins:write_secret", "Make secret Pins for you"),
];

pub(super) const REDDIT: Scopes = &[
    ("identity", "Know your name"),
    ("submit", "Submit links and comments for you"),
    ("read", "Read posts and comments"),
    ("flair", "Choose flair"),
    ("edit", "Edit and delete your posts"),
    ("mysubreddits", "See your subreddits"),
    ("history", "See your history"),
    ("account", "Change your settings"),
    ("save", "Save posts"),
    ("vote", "Vote for you"),
    ("subscribe", "Subscribe for you"),
];

pub(super) const SNAPCHAT: Scopes = &[
    ("snapchat-profile-api", "Manage your public profile"),
    ("snapchat-marketing-api", "Manage your ads"),
];

pub(super) const MASTODON: Scopes = &[
    ("read", "Read everything of your account"),
    ("write", "Change everything of your account"),
    ("follow", "Change whom you follow"),
    ("push", "Receive your notifications"),
    ("profile", "See your profile"),
    ("read:accounts", "See accounts"),
    ("read:statuses", "See posts"),
    ("read:media", "See media"),
    ("write:statuses", "Post for you"),
    ("write:media", "Upload media"),
    ("write:accounts", "Change your profile"),
];

pub(super) const BLUESKY: Scopes = &[
    ("atproto", "Know your account"),
    ("transition:generic", "Post and change records for you"),
    ("transition:email", "See your e-mail address"),
    ("transition:chat.bsky", "Read and send messages"),
];
