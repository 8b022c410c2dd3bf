//! Top-level domains, for telling `example.com` from `readme.txt`.
//!
//! All two-letter country domains, the internationalised ones, the original generic ones and the newer generic ones
//! that people post. Brand domains are left out on purpose, and new ones are added by IANA now and then (the full list
//! is published by iana.org): a host under a domain that is missing here is counted by its characters.

use std::collections::HashSet;
use std::sync::LazyLock;

static KNOWN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    [COUNTRIES, GENERIC, INTERNATIONAL]
        .into_iter()
        .flat_map(str::split_whitespace)
        .collect()
});

/// Whether this is a known top-level domain; ASCII case is ignored. Punycode names (`xn--…`) are all taken for known.
pub(super) fn is_known(label: &str) -> bool {
    let lower = label.to_lowercase();
    let is_punycode = lower
        .strip_prefix("xn--")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    is_punycode || KNOWN.contains(lower.as_str())
}

/// Whether this is the code of a country with a flag, in lower case. The domains `su` and `uk` have none.
pub(super) fn is_country(code: &str) -> bool {
    !matches!(code, "su" | "uk") && COUNTRIES.split_whitespace().any(|country| country == code)
}

const COUNTRIES: &str = "
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br bs bt bv bw by bz
ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk fm fo fr
ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp
ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu
mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw
sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tp tr tt tv tw tz
ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
";

const GENERIC: &str = "
com org net edu gov mil int arpa info biz name pro aero asia cat coop jobs mobi museum post tel travel xxx onion
abogado academy accountant accountants actor ads adult africa agency airforce amsterdam analytics apartments app
archi army art associates attorney auction audio auto autos baby band bank bar barcelona bargains baseball basketball
bayern beauty beer berlin best bet bible bid bike bingo bio black blackfriday blog blue boats bond boo book booking
bot boutique box broker brussels budapest build builders business buy buzz bzh cab cafe call cam camera camp capetown
capital car caravan cards care career careers cars casa case cash casino catering catholic center ceo cern cfd channel
charity chat cheap christmas church circle city claims cleaning click clinic clothing cloud club coach codes coffee
college cologne community company compare computer condos construction consulting contact contractors cooking cool
corsica country coupon coupons courses credit creditcard creditunion cricket cruise cruises cymru dad dance data date
dating day dds deal dealer deals degree delivery democrat dental dentist desi design dev diamonds diet digital direct
directory discount diy doctor dog domains dot download drive dubai durban earth eat eco education email energy engineer
engineering enterprises equipment esq estate eurovision eus events exchange expert exposed express fail faith family
fan fans farm fashion fast feedback film final finance financial fire fish fishing fit fitness flights florist flowers
fly foo food football forex forsale forum foundation free fun fund furniture futbol fyi gal gallery game games garden
gay gdn gent gift gifts gives giving glass global gmbh gold golf gop graphics gratis green gripe grocery group guide
guitars guru hair hamburg haus health healthcare help helsinki here hiphop hiv hockey holdings holiday homes horse
hospital host hosting hot hotel hotels house how ice icu immo immobilien inc industries ing ink institute insurance
insure international investments irish ist istanbul jetzt jewelry joburg joy juegos kaufen kid kids kim kitchen kiwi
koeln kosher krd kred kyoto land lat latino law lawyer lds lease legal lgbt life lifeinsurance lifestyle lighting
like limited limo link live living llc llp loan loans locker lol london lotto love ltd ltda luxe luxury madrid maison
makeup man management mango map market marketing markets mba med media meet melbourne meme memorial men menu merckmsd
miami mini mint mls mma mobile moda moe moi mom monash money monster mormon mortgage moscow moto motorcycles mov movie
music nagoya navy network new news ngo ninja now nowruz nrw nyc obi observer off okinawa one ong onl online ooo open
organic origins osaka page paris pars partners parts party passagens pay pet pharmacy phd phone photo photography
photos physio pics pictures pid pin pink pizza place plumbing plus poker porn press prime prod productions prof promo
properties property protection pub qpon quebec quest racing radio read realestate realtor realty recipes red rehab
reise reisen reit ren rent rentals repair report republican rest restaurant review reviews rich rio rip rocks rodeo
room rsvp rugby ruhr run ryukyu saarland safe safety sale salon sarl save school schule science scot search secure
security select services sew sex sexy shia shiksha shoes shop shopping show singles site ski skin soccer social
software solar solutions song soy spa space sport spot srl storage store stream studio study style sucks supplies
supply support surf surgery swiss sydney systems taipei talk tatar tattoo tax taxi team tech technology tennis theater
theatre tickets tienda tips tires tirol today tokyo tools top tours town toys trade trading training trust tube tunes
university uno vacations vegas ventures versicherung vet viajes video villas vin vip vision vlaanderen vodka voice
vote voting voto voyage wales wang watch watches weather web webcam website wed wedding whoswho wien wiki win wine
winners work works world wow wtf xin xyz yachts yoga yokohama you yun zero zip zone zuerich
youtube google apple amazon microsoft aws bbc dhl bmw abc gle goog
";

const INTERNATIONAL: &str = "
рф рус онлайн сайт орг ком москва дети католик бел бг ею қаз мкд мон срб укр հայ გე ελ ευ
中国 中國 香港 台湾 台灣 澳门 澳門 新加坡 中文网 公司 网络 网址 网店 网站 商城 商店 商标 在线 集团 我爱你 手机 游戏 娱乐 政务 政府 公益
组织机构 机构 佛山 广东 信息 企业 世界 健康 八卦 时尚 书籍 書籍 餐厅 食品 酒店 购物 通販 家電 慈善 招聘 文化 新闻 移动 移動 联通 微博
みんな コム ストア セール ファッション クラウド ポイント 한국 삼성 닷컴 닷넷
भारत नेट संगठन कॉम भारतम् भारोत বাংলা ভারত ভাৰত ਭਾਰਤ ભારત ଭାରତ இந்தியா இலங்கை சிங்கப்பூர் భారత్ ಭಾರತ ഭാരതം
ලංකා ไทย คอม ລາວ
الجزائر البحرين عمان ایران ايران امارات بازار پاکستان پاكستان الاردن بھارت ڀارت بارت المغرب السعودية السعودیة سورية
سوريا مصر قطر تونس عراق فلسطين مليسيا موريتانيا اليمن سودان كوم كاثوليك شبكة موقع عرب بيتك همراه ישראל קום
";
