"""Reads a report: checks that its tags nest and that it needs no other file."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags nest, and gathers cells, images and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.images, self.words, self.ids, self.links = [], {}, [], [], [], []
        self.key = None
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        assert "srcset" not in attrs
        if "href" in attrs:
            assert attrs["href"].startswith("#"), "the page must need nothing else"
            self.links.append(attrs["href"][1:])
        assert tag not in {"script", "link", "iframe"}
        self.key = attrs.get("data-key")

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self.key = None

    def handle_data(self, data):
        self.words.append(data)
        if self.key is not None:
            self.cells[self.key] = data
