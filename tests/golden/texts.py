"""The texts whose token ids are kept: every kind that tokenizers are known to get wrong, as bytes."""

import json
import random

# Characters that sit on a boundary of \s, \p{L} and \p{N}, where regular-expression libraries differ.
EDGES = [
    "\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x7f", "\x80", "\x85", "\xa0", "\xad", "\u034f", "\u1680",
    "\u180e", "\u2000", "\u200a", "\u200b", "\u200d", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000",
    "\ufeff", "\ufffd", "\uffff", "\ue000", "\U000e0041", "\U0010fffd",  # spaces, marks, private, no character
    "²", "½", "Ⅷ", "①", "٣", "५", "３", "𝟗", "一", "〇", "\u3021", "\U0001f10b",  # \p{N}, but for 一
    "ª", "ʰ", "\u0301", "\u0903", "\u20dd", "ǅ", "𝔸", "ﬁ", "ß", "İ", "_", "'", "\u2019", "＇",
]

PLAIN = [
    "", "a", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\t", "\t\t\t", " \n", "\n ", " \n \n ",
    "Hello, world!", " Hello, world!", "Hello,  world!  ", "hello\n\n  world\t\tend ", "a b  c   d    e     f",
    "The quick brown fox jumps over the lazy dog.", "ALL CAPS AND miXed CaSe", "anti-dis-establishment_arianism",
    "it's I'm you're we've he'd she'll don't can't", "IT'S I'M YOU'RE WE'VE HE'D SHE'LL DON'T", "'s 't 're 've 'm 'll 'd",
    "x's''t'''re 'S'T'RE", "rock 'n' roll", "it\u2019s you\u2019re", "o'clock 'tis", "it'ſ he'ſſ", " 's", "'", "''", "'''", "' s",
    "0", "1", "12", "123", "1234567890", "3.14159", "-273.15", "1,000,000", "2024-02-29T23:59:59Z", "0x1F", "1e-5",
    "a1b2c3", "1a2b3c", " 1 2  3   4", "v1.2.3-rc4", "10 000", "№5", "50%", "$1.99", "1st 2nd 3rd", "H2O", "x²+y³=z½",
    "Ⅷ Ⅸ ①②③ ⅓", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "１２３４５", "𝟎𝟏𝟐", "第1章 第２章",
    "中文分词是一个难题。", "我爱北京天安门，天安门上太阳升！", "日本語のテキスト：ひらがな、カタカナ、漢字。", "한국어 텍스트입니다.", "中 文 and English 混排 123",
    "مرحبا بالعالم", "السَّلَامُ عَلَيْكُمْ", "العدد ١٢٣ و 456", "שלום עולם", "שָׁלוֹם", "नमस्ते दुनिया", "สวัสดีชาวโลก", "გამარჯობა", "Γειά σου Κόσμε",
    "Привет, мир!", "Zażółć gęślą jaźń", "Ça va? Été, naïve, œuvre", "Cafe\u0301 vs Café", "Åse å ö ü ß ẞ", "Tiếng Việt",
    "😀", "😀😃😄", "👍🏽", "👨\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇩🇪🇫🇷", "❤️\u200d🔥 fire", "text😀text", " 😀 ", "🧑🏿\u200d💻 codes", "1️⃣2️⃣",
    "\u200bzero\u200bwidth\u200b", "\ufeffBOM first", "soft\u00adhyphen", "right\u202eleft", "non\u00a0breaking\u202fspaces\u3000wide",
    "\x00", "a\x00b", "\x01\x02\x03", "\x07bell\x08\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "tab\x0bvt\x0cff", "\x1c\x1d\x1e\x1f",
    "\x04", "a\x04b", "!\x04=", "\x04\x06\x13\x14\x16\x1d", "=\x06= -\x16> \x13 \x14", "\U00040000", "x\U00080000y\U000c0000z",
    "<|im_start|>user\nHi<|im_end|>\n", "<|endoftext|>", "<|endoftext|><|endoftext|>", "a<|im_end|>b", " <|im_start|> ",
    "<|im_start|>system\nYou are a helpful AI assistant.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start", "<|im_start|", "|im_start|>", "<|IM_START|>", "<<|im_start|>>", "<|im_start|><|im_start|", "< |im_end|>", "<|im_end |>",
    "<repo_name>layer/lab<file_sep>main.c<gh_stars>12", "<reponame><filename>", "<jupyter_start><jupyter_text>x<jupyter_code>y<jupyter_output>",
    "<|begin_of_text|>Hi<|eot_id|>", "<tool<tool><tool>><tool|><|too", "a<tool>b<tool c<<tool>", " quicksilver", "a quicksilver tongue", "quicksilver",
    " QUICKSILVER", "  quicksilver", "(quicksilver)", " quicksilver\n", "1quicksilver2", " quicksilver's", "!\n!\r\n\n", "?!\n\n  ?!", "a\r\n  b\n \n c", "\t\n\t\n",
    "\ta", "!a", "\na", "\u00a0a", "'LL 'Ll 'lL", "x'Sy'RE'Ve", "'dare 'mend 'lless",
    "<issue_start><issue_comment>hm<issue_closed>", "<empty_output><jupyter_script>", "<unk> <s> </s> <pad> <mask> [CLS]", "12<|im_end|>34",
    "int main(void) {\n    return 0;\n}\n", "\tif (x != NULL && *x++ == '\\0')\n\t\tgoto done;\n", "for i in range(10):\n    print(f\"{i:>3}\")\n",
    "#include <stdio.h>\r\n#define MAX(a,b) ((a)>(b)?(a):(b))\r\n", "SELECT * FROM t WHERE a>=1 AND b<>'x''y';", "<html><body class=\"a b\">&amp;</body></html>",
    "{\"key\": [1, 2.5, null, true], \"s\": \"\\u00e9\"}", "https://example.org/a/b?c=d&e=%20f#g", "user.name+tag@example.co.uk", "C:\\Windows\\System32\\",
    "a=b+c-d*e/f%g^h&i|j~k!l", "((((((((((", "))))]]]}}}", "......", "...!?!?", "--- *** ___ ===", "->=><=!=::", "~~~```~~~", "$$\\int_0^1 x^2\\,dx$$",
    "don't1won't2", "a'b'c'd", "word\u2014dash\u2013dash", "\u201cquoted\u201d \u2018text\u2019", "one,two;three:four", "end.Start", "e.g. i.e. etc.",
    " leading", "trailing ", "  two leading", "trailing two  ", "\n leading newline", "trailing newline\n", "a\n\n\n\nb", "a \n b", "a\t \tb", "   \n   \n   x",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", "pneumonoultramicroscopicsilicovolcanoconiosis", "aaaaaaaaaaaaaaaaaaaaaaaa",
    "AbCdEfGhIjKlMnOpQrStUvWxYz", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "Ġ Ċ ĉ Ā are letters of byte-level vocabularies", "ĠtheĠ", "▁the", "Ø ð þ Ł đ", "ﷺ", "𝕳𝖊𝖑𝖑𝖔", "𓀀𓁐", "꧁꧂", "☃ ♥ ✓ ✗ → ∞ ≠ √", "¡¢£¤¥¦§¨©«¬®¯°±´µ¶·¸»¿×÷",
]

NOT_UTF8 = [
    b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xf1", b"\xf2", b"\xf5", b"\xff", b"\xfe\xff", b"\xff\xfea\x00", b"a\x80b", b"a\xffb",
    b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82a", b"\xe2(\xa1", b"\xf0\x9f\x98", b"\xf0\x9f\x98a", b"\xf0\x28\x8c\xbc", b"\xf0\x9f\x98\x80\x80",
    b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf",  # longer than they need be
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xed\x9f\xbf", b"\xee\x80\x80",  # surrogates, and their neighbours
    b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",  # beyond U+10FFFF
    b"caf\xe9 cr\xe8me", b"\xa9 2024 \xabquoted\xbb", b"good \xe4\xb8\xad bad \xe4\xb8 good", b"it\x80's", b" \x80 \x80 ", b"1\x802\x803",
    b"<|im_\x80start|>", b"<|im_end|>\x80<|im_end|>", b"\x00\xff\x00\xff", b"\n\x9f\n", b"  \xa0  ", b"\xef\xbb", b"\xef\xbb\xbfok\xef\xbb",
]

LONG = 10000


def runs():
    for run in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129):
        yield b" " * run + b"x"
        yield b"\n" * run + b"x"


def long_texts():
    yield b"a" * LONG
    yield b" " * LONG
    yield b"\n" * LONG
    yield b"7" * LONG
    yield b"=" * LONG
    yield "é".encode() * (LONG // 2)
    yield b"ab" * (LONG // 2)
    yield b"\x80" * 1000


def random_texts(rng):
    """Strings over mixed alphabets, and bytes with little order, from a fixed seed."""
    alphabets = [
        [chr(c) for c in range(32, 127)],
        list("abc  \n'std0123"),
        EDGES + list("ab 1.'"),
        EDGES + list("ab 1.'") + ["  ", "\n\n", "中", "文", "ر", "م", "й", "😀", "\u200d", "é"],
        [chr(c) for c in (*range(0x20, 0x250), *range(0x391, 0x3C9), *range(0x410, 0x450), *range(0x4E00, 0x4E80))],
    ]
    for i in range(90):
        alphabet = alphabets[i % len(alphabets)]
        yield "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 80))).encode()
    for i in range(20):
        yield bytes(rng.randrange(256) for _ in range(rng.randint(1, 60)))
    for i in range(20):  # text with holes
        text = bytearray("".join(rng.choice(alphabets[3]) for _ in range(40)).encode())
        for _ in range(4):
            text[rng.randrange(len(text))] = rng.randrange(128, 256)
        yield bytes(text)


def documents(path, count):
    """The texts of the first count lines of a .jsonl file."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["text"] for _, line in zip(range(count), lines)]


def real_texts(calibration, test_text):
    yield from (document[:600].encode() for document in documents(calibration, 20))
    with open(test_text, "rb") as file:
        text = file.read()
    for i in range(20):  # cut anywhere, mid-character too
        yield text[i * 60001 : i * 60001 + 500]


def short_texts():
    yield from (text.encode() for text in PLAIN)
    yield from (edge.encode() for edge in EDGES)
    yield from (f"a {edge}b  {edge} 1{edge}{edge}".encode() for edge in EDGES)
    yield from NOT_UTF8
    yield from runs()
    yield from random_texts(random.Random(20240229))


def all_texts(calibration, test_text):
    yield from short_texts()
    yield from long_texts()
    yield from real_texts(calibration, test_text)
