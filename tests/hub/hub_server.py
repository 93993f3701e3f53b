# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
# ruff: noqa
"""A small stand-in for the Hugging Face Hub, so that publishing can be tested without a network.

    python hub_server.py --port 0 --root DIR --token hf_test      # prints its URL, then serves

Point a real `huggingface_hub` client at that URL (HF_ENDPOINT) with HF_HUB_DISABLE_XET=1. It needs PyYAML
and nothing else, and listens on 127.0.0.1 only. `Hub.add_fault` says how faults are planned.
"""

import argparse, base64, fnmatch, hashlib, hmac, json, os, re, secrets, shutil, socket, threading, time, traceback
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from card_rules import check_card, read_card, tags_of

REGULAR_MAX = 10 * 1024 * 1024  # above this a file has to go through LFS
BLOCK = 1 << 16
SHA256 = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
GITATTRIBUTES = "".join(
    f"{p} filter=lfs diff=lfs merge=lfs -text\n"
    for p in (
        "*.7z *.arrow *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model *.msgpack *.npy *.npz *.onnx "
        "*.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz "
        "*.wasm *.xz *.zip *.zst *tfevents*"
    ).split()
)


class Err(Exception):
    """An answer other than success, in the Hub's form: clients tell 404s apart by `code` alone."""

    def __init__(self, status, message, code=None, body=(), headers=()):
        self.status, self.body = status, {"error": message, **dict(body)}
        self.headers = {
            "X-Error-Message": message.split("\n")[0],
            **({"X-Error-Code": code} if code else {}),
            **dict(headers),
        }


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def git_oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def write_whole(path, data):
    """Put data at path so that a reader finds the old file or the new one, never a part of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    tmp.write_bytes(data)
    os.replace(tmp, path)


# ---------------------------------------------------------------------------------------- on disk
class Repo:
    """ROOT/<kind>/<owner>/<name>/ with repo.json (private?), refs.json (branches and tags), commits/<id>.json
    (each a whole listing of files, never changed once written), blobs/<git id> and lfs/<sha256>."""

    def __init__(self, path):
        self.path, self.lock = path, threading.RLock()

    def json(self, name):
        return json.loads((self.path / name).read_bytes())

    def put_json(self, name, value):
        write_whole(self.path / name, json.dumps(value, indent=1, sort_keys=True).encode())

    def put_blob(self, data):
        write_whole(self.path / "blobs" / git_oid(data), data)
        return {"oid": git_oid(data), "size": len(data)}

    def put_commit(self, parent, files, title, message, author):
        value = {"parent": parent, "files": files, "title": title, "message": message, "author": author, "date": now()}
        sha = hashlib.sha1(json.dumps(value, sort_keys=True).encode() + secrets.token_bytes(8)).hexdigest()
        self.put_json(f"commits/{sha}.json", value)
        return sha

    def create(self, private, author):
        self.put_json("repo.json", {"private": private, "created": now()})
        first = self.put_commit(
            None, {".gitattributes": self.put_blob(GITATTRIBUTES.encode())}, "initial commit", "", author
        )
        self.put_json("refs.json", {"branches": {"main": first}, "tags": {}})

    def at(self, revision):
        """(commit id, commit) for a branch, a tag, or a commit id of at least 7 digits."""
        refs = self.json("refs.json")
        sha = refs["branches"].get(revision) or refs["tags"].get(revision) or refs.get("pulls", {}).get(revision)
        if not sha and re.fullmatch(r"[0-9a-f]{7,40}", revision):
            sha = next((p.stem for p in (self.path / "commits").glob(revision + "*.json")), None)
        if not sha:
            raise Err(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha, self.json(f"commits/{sha}.json")

    def content(self, entry):
        return self.path / ("lfs/" + entry["lfs"] if "lfs" in entry else "blobs/" + entry["oid"])

    def apply(self, files, key, op, card_kind):
        """One line of a commit, applied to the listing `files`."""
        path = op.get("path", "")
        if {"", ".", "..", ".git"} & set(path.rstrip("/").split("/")):
            raise Err(400, f"Invalid path: {path!r}")
        if key == "file":
            data = base64.b64decode(op["content"]) if op.get("encoding") == "base64" else op["content"].encode()
            if len(data) > REGULAR_MAX:
                raise Err(400, f"{path} is larger than 10 MiB and has to be uploaded with LFS")
            errors = check_card(data.decode("utf-8", "replace"), card_kind)[0] if path == "README.md" else ()
            if errors:
                raise Err(400, "\n".join(errors))
            files[path] = self.put_blob(data)
        elif key == "lfsFile":
            oid, blob = op["oid"], self.path / "lfs" / op["oid"]
            if not SHA256.fullmatch(oid) or not blob.is_file():
                raise Err(400, f"LFS pointer pointed to a file that does not exist: {path}")
            pointer = (
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {blob.stat().st_size}\n".encode()
            )
            files[path] = {"oid": git_oid(pointer), "size": blob.stat().st_size, "lfs": oid, "pointer": len(pointer)}
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise Err(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        elif key == "deletedFolder":
            for p in [p for p in files if p.startswith(path.rstrip("/") + "/")]:
                del files[p]
        else:
            raise Err(400, f"Commit operation not covered by this stand-in: {key}")

    def commit(self, branch, parent, operations, title, message, author, card_kind, create_pr=False):
        """All of it or none: the blobs first, then the commit, and only then does the branch move. With `create_pr`
        the commit is the first of a new pull request, refs/pr/N, and the branch stays."""
        with self.lock:
            refs = self.json("refs.json")
            names = refs["branches"] if branch in refs["branches"] else refs.setdefault("pulls", {})
            head = names.get(branch)
            if head is None:
                raise Err(404, f"Invalid rev id: {branch}", "RevisionNotFound")
            if parent and not head.startswith(parent):
                raise Err(412, "The branch was updated since you opened this page. Please refresh and try again.")
            files = dict(self.json(f"commits/{head}.json")["files"])
            for key, op in operations:
                self.apply(files, key, op, card_kind)
            if create_pr:
                names = refs.setdefault("pulls", {})
                branch = f"refs/pr/{len(names) + 1}"
            names[branch] = self.put_commit(head, files, title, message, author)
            self.put_json("refs.json", refs)
            return names[branch], branch


class Hub:
    """Everything the requests share: the repositories, who holds which token, planned faults, the request log."""

    def __init__(self, root, tokens, part_size=0):
        self.root, self.part_size, self.secret = Path(root), part_size, secrets.token_bytes(16)
        self.tokens, self.repos, self.faults, self.log, self.lock = {}, {}, [], [], threading.RLock()
        for spec in tokens:  # TOKEN[:USER[:read|write[:ORG,ORG]]]
            token, user, role, orgs = (spec.split(":") + [""] * 3)[:4]
            self.tokens[token] = {
                "name": user or "tester",
                "role": role or "write",
                "orgs": [o for o in orgs.split(",") if o],
            }

    def repo(self, kind, owner, name):
        if kind not in ("models", "datasets", "spaces") or not (NAME.fullmatch(owner) and NAME.fullmatch(name)):
            raise Err(400, f"Invalid repo type or id: {kind} {owner}/{name}")
        with self.lock:
            return self.repos.setdefault((kind, owner, name), Repo(self.root / kind / owner / name))

    def sign(self, path):
        return hmac.new(self.secret, path.encode(), "sha256").hexdigest()[:32]

    def add_fault(self, spec):
        """
        Plan a fault, OP@N[xTIMES]=ACTION: at the Nth request of kind OP, and the TIMES-1 after it, do ACTION.

        ACTION is a status (`503`; `429:2` adds `Retry-After: 2`), `slow:SECONDS`, `drop` or `drop:BYTES` (hang up, after
        so many bytes), or `lost` (do the work, then hang up instead of answering). OP is one of whoami, create, delete,
        branch, tag, refs, commits, info, tree, paths-info, preupload, lfs-batch, lfs-put, lfs-part, lfs-complete,
        lfs-verify, commit, validate-yaml, resolve.
        """
        m = re.fullmatch(r"([\w-]+)@(\d+)(?:x(\d+))?=([1-5]\d\d|drop|lost|slow)(?::([\d.]+))?", spec)
        if not m:
            raise Err(400, f"not a fault: {spec!r}")
        self.faults.append(
            {"op": m[1], "first": int(m[2]), "times": int(m[3] or 1), "do": m[4], "arg": float(m[5] or 0), "seen": 0}
        )

    def fault(self, op):
        """The fault planned for this request, if any. Every request of its kind counts."""
        with self.lock:
            planned = [f for f in self.faults if f["op"] == op]
            for f in planned:
                f["seen"] += 1
            return next((f for f in planned if f["first"] <= f["seen"] < f["first"] + f["times"]), None)


# ------------------------------------------------------------------------------------- on the wire
ROUTES = []
API = r"/api/(?P<kind>models|datasets|spaces)/{owner}/{name}"
PAGE = r"/(?:(?P<kind>datasets|spaces)/)?{owner}/{name}"  # a model's pages have no prefix


def on(methods, pattern, op, needs=None):
    """Answer requests like this with the method below. {x} is a path segment, {x*} all the rest. `op` names them in
    the log and in faults. With needs="read" or "write" the method is given the repository, after the checks."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", pattern))

    def add(function):
        ROUTES.append((methods.split(), re.compile(pattern), op, needs, function))
        return function

    return add


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None  # set by serve()

    def log_message(self, *args):
        pass

    def do_any(self):
        url, self.op, self.got, self.cut, self.lost = urlsplit(self.path), "other", 0, None, False
        self.left = int(self.headers.get("Content-Length") or 0)
        self.query = {k: v[-1] for k, v in parse_qs(url.query).items()}
        self.base = f"http://{self.headers.get('Host')}"
        try:
            # Matched before unquoting: a branch called a/b arrives as one segment, a%2Fb.
            for methods, pattern, op, needs, function in ROUTES:
                if self.command in methods and (match := pattern.fullmatch(url.path)):
                    break
            else:
                raise Err(404, f"{self.command} {url.path} is not covered by this stand-in")
            self.op, args = op, {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
            if self.misbehave(self.hub.fault(op)):
                return
            if needs:
                where = args.pop("kind", "models"), args.pop("owner"), args.pop("name")
                args["repo"], self.kind, self.repo_id = self.open(needs, *where), where[0], "/".join(where[1:])
            function(self, **args)
        except Err as e:
            self.reply(e.body, e.status, e.headers)
        except ConnectionError:  # the client's doing
            self.hang_up()
        except Exception:
            traceback.print_exc()
            self.reply({"error": "the stand-in failed; see its stderr"}, 500)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def misbehave(self, fault):
        """Carry out a planned fault. True if the request ends here."""
        if not fault:
            return False
        if fault["do"] == "slow":
            time.sleep(fault["arg"])
        elif fault["do"] == "lost":
            self.lost = True  # do the work, then hang up instead of answering
        elif fault["do"] != "drop":
            wait = {"Retry-After": str(int(fault["arg"]))} if fault["arg"] else {}
            raise Err(int(fault["do"]), "fault injected by the test", headers=wait)
        elif self.command in ("GET", "HEAD") and fault["arg"]:
            self.cut = int(fault["arg"])  # hang up after so many bytes of the answer
        else:
            while self.got < fault["arg"] and self.block(int(fault["arg"]) - self.got):
                pass  # hang up after so many bytes of the request
            self.record(0)
            self.hang_up()
            return True

    def block(self, n=BLOCK):
        """Up to n bytes more of the request's body; b"" at its end."""
        data = self.rfile.read(min(n, BLOCK, self.left))
        if self.left and not data:
            raise ConnectionResetError("the client went away")
        self.left, self.got = self.left - len(data), self.got + len(data)
        return data

    def body(self):
        return b"".join(iter(self.block, b""))

    def json_body(self):
        try:
            return json.loads(self.body() or b"{}")
        except ValueError:
            raise Err(400, "Invalid JSON") from None

    def record(self, status):
        """Note the request in the log, before the client can know its answer; status 0 is no answer."""
        if self.op != "control":
            self.hub.log.append(
                {
                    "op": self.op,
                    "method": self.command,
                    "path": self.path,
                    "status": status,
                    "received": self.got,
                    "authorized": "Authorization" in self.headers,
                }
            )

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reply(self, value, status=200, headers=(), kind="application/json"):
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send({"Content-Type": kind, **dict(headers)}, status, len(data), [data])

    def send(self, headers, status, length, blocks):
        while self.block():
            pass  # leave nothing of the request unread, or the connection could not be used again
        self.record(0 if self.lost else status)
        if self.lost:
            return self.hang_up()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length), "X-Request-Id": secrets.token_hex(8)}.items():
            self.send_header(key, re.sub(r"[^\x20-\x7e]", "?", value))
        self.end_headers()
        sent = 0
        for block in blocks if self.command != "HEAD" else ():
            if self.cut is not None and sent + len(block) > self.cut:
                self.wfile.write(block[: self.cut - sent])
                return self.hang_up()
            self.wfile.write(block)
            sent += len(block)

    # -- who may do what
    def user(self, required=True):
        header = self.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ").strip()
        if header and token not in self.hub.tokens:
            raise Err(401, "Invalid credentials in Authorization header")
        if required and not header:
            raise Err(401, "Invalid username or password.")
        return self.hub.tokens.get(token, {"name": None, "role": None, "orgs": []})

    def may_write(self, owner):
        user = self.user()
        if user["role"] == "read":
            raise Err(403, "This token is read-only; use a write token")
        if owner not in (user["name"], *user["orgs"]):
            raise Err(403, f'You don\'t have the rights to write in the namespace "{owner}"')

    def open(self, needs, kind, owner, name):
        user, repo = self.user(required=False), self.hub.repo(kind, owner, name)
        hidden = lambda: repo.json("repo.json")["private"] and owner not in (user["name"], *user["orgs"])
        if not (repo.path / "refs.json").is_file() or hidden():
            raise Err(404 if user["name"] else 401, "Repository not found", "RepoNotFound")
        if needs == "write":
            self.may_write(owner)
        return repo

    @on("GET", "/api/whoami-v2", "whoami")
    def whoami(self):
        u = self.user()
        self.reply(
            {
                "type": "user",
                "id": git_oid(u["name"].encode())[:24],
                "name": u["name"],
                "fullname": u["name"],
                "isPro": False,
                "orgs": [{"type": "org", "name": o, "fullname": o, "roleInOrg": "write"} for o in u["orgs"]],
                "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": u["role"]}},
            }
        )

    # -- repositories, branches, tags
    @on("POST", "/api/repos/create", "create")
    @on("DELETE", "/api/repos/delete", "delete")
    def create_or_delete(self):
        body, user = self.json_body(), self.user()
        kind, owner, name = (
            f"{body.get('type') or 'model'}s",
            body.get("organization") or user["name"],
            body.get("name", ""),
        )
        self.may_write(owner)
        if self.command == "DELETE":
            shutil.rmtree(self.open("write", kind, owner, name).path)
            return self.reply({})
        repo, url = (
            self.hub.repo(kind, owner, name),
            f"{self.base}/{'' if kind == 'models' else kind + '/'}{owner}/{name}",
        )
        with repo.lock:
            if (repo.path / "refs.json").exists():
                raise Err(
                    409, f"You already created this {kind[:-1]} repo", body={"url": url}
                )  # exist_ok reads the url
            repo.create(body.get("private") is True or body.get("visibility") == "private", owner)
        self.reply({"url": url, "name": f"{owner}/{name}", "id": f"{owner}/{name}"})

    @on("POST DELETE", API + "/branch/{ref}", "branch", "write")
    @on("POST DELETE", API + "/tag/{ref}", "tag", "write")
    def change_ref(self, repo, ref):
        body = self.json_body()
        with repo.lock:
            refs = repo.json("refs.json")
            names = refs["branches" if self.op == "branch" else "tags"]
            if self.command == "POST":  # branch/<new name> {startingPoint}, but tag/<revision> {tag: new name}
                new, start = (
                    (ref, body.get("startingPoint") or "main") if self.op == "branch" else (body.get("tag"), ref)
                )
                if not new or new in names:
                    raise Err(409, f"Reference already exists: {new}")
                names[new] = repo.at(start)[0]
            elif (self.op, ref) == ("branch", "main") or names.pop(ref, None) is None:
                raise Err(404, f"No such {self.op}, or not to be deleted: {ref}", "RevisionNotFound")
            repo.put_json("refs.json", refs)
        self.reply({})

    @on("GET", API + "/refs", "refs", "read")
    def refs(self, repo):
        refs = repo.json("refs.json")
        rows = lambda what, git: [
            {"name": n, "ref": f"refs/{git}/{n}", "targetCommit": s} for n, s in refs[what].items()
        ]
        pulls = refs.get("pulls", {}) if "include_prs" in self.query else {}
        pulls = [{"name": ref.rpartition("/")[2], "ref": ref, "targetCommit": sha} for ref, sha in pulls.items()]
        self.reply(
            {
                "branches": rows("branches", "heads"),
                "tags": rows("tags", "tags"),
                "converts": [],
                "pullRequests": pulls,
            }
        )

    @on("GET", API + "/commits/{rev}", "commits", "read")
    def commits(self, repo, rev):
        rows = []
        while rev:
            sha, c = repo.at(rev)
            rows.append(
                {"id": sha, "authors": [{"user": c["author"]}], **{k: c[k] for k in ("title", "message", "date")}}
            )
            rev = c["parent"]
        self.reply(rows)

    @on("GET HEAD", API, "info", "read")
    @on("GET HEAD", API + "/revision/{rev}", "info", "read")
    def info(self, repo, rev="main"):
        sha, commit = repo.at(rev)
        files, about = commit["files"], repo.json("repo.json")
        try:
            card = read_card(repo.content(files["README.md"]).read_text("utf-8"))
        except (KeyError, ValueError):
            card = {}
        siblings = [{"rfilename": p} for p in sorted(files)]
        for s in siblings if "blobs" in self.query else ():
            e = files[s["rfilename"]]
            s.update(size=e["size"], blobId=e["oid"])
            if "lfs" in e:
                s["lfs"] = {"sha256": e["lfs"], "size": e["size"], "pointerSize": e["pointer"]}
        answer = {
            "id": self.repo_id,
            "author": self.repo_id.split("/")[0],
            "sha": sha,
            "lastModified": commit["date"],
            "createdAt": about["created"],
            "private": about["private"],
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
            "tags": tags_of(card),
            "cardData": card,
        }
        if self.kind == "models":
            answer.update({k: card[k] for k in ("pipeline_tag", "library_name", "model-index") if k in card})
        self.reply(json.loads(json.dumps(answer, default=str)))  # a card may hold dates

    @staticmethod
    def row(path, e=None):
        if e is None:
            return {"type": "directory", "path": path, "oid": git_oid(path.encode()), "size": 0}
        lfs = {"lfs": {"oid": e["lfs"], "size": e["size"], "pointerSize": e["pointer"]}} if "lfs" in e else {}
        return {"type": "file", "path": path, "oid": e["oid"], "size": e["size"], **lfs}

    @on("GET", API + "/tree/{rev}", "tree", "read")
    @on("GET", API + "/tree/{rev}/{path*}", "tree", "read")
    def tree(self, repo, rev, path=""):
        files, rows = repo.at(rev)[1]["files"], {}
        under, deep = path and path.strip("/") + "/", self.query.get("recursive", "").lower() in ("true", "1")
        for p in sorted(f for f in files if f.startswith(under)):
            parts = p[len(under) :].split("/")
            for i in range(1, len(parts) + 1 if deep else 2):
                at = under + "/".join(parts[:i])
                rows[at] = self.row(at, files.get(at))
        if under and not rows:
            raise Err(404, f"{path} does not exist on {rev}", "EntryNotFound")
        self.reply(list(rows.values()))

    @on("POST", API + "/paths-info/{rev}", "paths-info", "read")
    def paths_info(self, repo, rev):
        files, raw = repo.at(rev)[1]["files"], self.body().decode()
        asked = [
            p.strip("/")
            for p in (json.loads(raw).get("paths", ()) if raw.startswith("{") else parse_qs(raw).get("paths", ()))
        ]
        self.reply(
            [self.row(p, files.get(p)) for p in asked if p in files or any(f.startswith(p + "/") for f in files)]
        )

    # -- uploading: preupload says how each file goes, the LFS batch says where to, the commit ties it together
    @on("POST", API + "/preupload/{rev}", "preupload", "write")
    def preupload(self, repo, rev):
        files, answer = repo.at(rev)[1]["files"], []
        attributes = repo.content(files[".gitattributes"]).read_text() if ".gitattributes" in files else ""
        patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]
        for f in self.json_body().get("files", ()):
            path, there = f["path"], files.get(f["path"])
            lfs = (
                any(fnmatch.fnmatchcase(path if "/" in p else path.rsplit("/", 1)[-1], p) for p in patterns)
                or f.get("size", 0) > REGULAR_MAX
                or b"\0" in base64.b64decode(f.get("sample", ""))
            )
            answer.append(
                {
                    "path": path,
                    "uploadMode": "lfs" if lfs else "regular",
                    "shouldIgnore": False,
                    "oid": there and there.get("lfs", there["oid"]),
                }
            )
        self.reply({"files": answer})

    @on("POST", PAGE + r"\.git/info/lfs/objects/batch", "lfs-batch", "write")
    def lfs_batch(self, repo):
        objects, size = [], self.hub.part_size
        for o in self.json_body().get("objects", ()):
            answer = {"oid": o["oid"], "size": o["size"]}
            objects.append(answer)
            if not SHA256.fullmatch(o["oid"]):
                raise Err(422, f"Not a sha256: {o['oid']}")
            if (repo.path / "lfs" / o["oid"]).exists():
                continue  # no actions: there is nothing to send

            def href(what):
                path = f"/_lfs/{self.kind}/{self.repo_id}/{o['oid']}/{what}"
                return f"{self.base}{path}?size={o['size']}&sig={self.hub.sign(path + str(o['size']))}"

            upload = {"href": href("put")}
            if size and o["size"] > size:
                parts = {str(n): href(f"part/{n}") for n in range(1, -(-o["size"] // size) + 1)}
                upload = {"href": href("complete"), "header": {"chunk_size": str(size), **parts}}
            answer["actions"] = {"upload": upload, "verify": {"href": href("verify")}}
        self.reply(
            {"transfer": "multipart" if size else "basic", "objects": objects}, kind="application/vnd.git-lfs+json"
        )

    # The addresses below are signed, as those of the Hub's storage are: whoever holds one needs no token.
    @on("PUT", "/_lfs/{kind}/{owner}/{name}/{oid}/put", "lfs-put")
    @on("PUT", "/_lfs/{kind}/{owner}/{name}/{oid}/part/{n}", "lfs-part")
    @on("POST", "/_lfs/{kind}/{owner}/{name}/{oid}/complete", "lfs-complete")
    @on("POST", "/_lfs/{kind}/{owner}/{name}/{oid}/verify", "lfs-verify")
    def lfs(self, kind, owner, name, oid, n=None):
        size, root = self.query.get("size", ""), self.hub.repo(kind, owner, name).path
        signature = self.hub.sign(urlsplit(self.path).path + size)
        if not hmac.compare_digest(self.query.get("sig", ""), signature) or not root.is_dir():
            raise Err(403, "SignatureDoesNotMatch")
        final, part = root / "lfs" / oid, lambda k: root / "parts" / f"{oid}.{k}"
        if self.op == "lfs-verify":
            if not final.is_file() or final.stat().st_size != self.json_body().get("size"):
                raise Err(404, "The object is not there, or has another size")
            return self.reply({})
        source = iter(self.block, b"")
        if self.op == "lfs-complete":
            parts = [part(int(p["partNumber"])) for p in self.json_body().get("parts", ())]
            if not all(p.is_file() for p in parts):
                raise Err(400, "InvalidPart")
            source = (p.read_bytes() for p in parts)
        for folder in (final.parent, part(0).parent):
            folder.mkdir(exist_ok=True)
        tmp, digest = part(secrets.token_hex(4)), hashlib.sha256()
        try:
            with open(tmp, "wb") as out:
                for block in source:
                    out.write(block)
                    digest.update(block)
            if n is None and (digest.hexdigest() != oid or tmp.stat().st_size != int(size)):
                raise Err(400, f"BadDigest: what arrived is not {oid}")
            os.replace(tmp, part(int(n)) if n else final)
        finally:
            tmp.unlink(missing_ok=True)
        self.reply("", headers={"ETag": f'"{digest.hexdigest()[:32]}"'})

    @on("POST", API + "/commit/{rev}", "commit", "write")
    def commit(self, repo, rev):
        try:
            lines = [json.loads(line) for line in self.body().splitlines() if line.strip()]
            header = next(line["value"] for line in lines if line["key"] == "header")
            operations = [(line["key"], line["value"]) for line in lines if line["key"] != "header"]
        except (ValueError, KeyError, TypeError, StopIteration):
            raise Err(400, "A commit is newline-delimited JSON with a header line") from None
        create_pr = bool(self.query.get("create_pr"))
        sha, ref = repo.commit(
            rev,
            header.get("parentCommit"),
            operations,
            header.get("summary", ""),
            header.get("description", ""),
            self.user()["name"],
            self.kind[:-1],
            create_pr,
        )
        page = f"{self.base}/{'' if self.kind == 'models' else self.kind + '/'}{self.repo_id}"
        pull = {"pullRequestUrl": f"{page}/discussions/{ref.rpartition('/')[2]}"} if create_pr else {}
        self.reply({"success": True, "commitOid": sha, "commitUrl": f"{page}/commit/{sha}", "hookOutput": "", **pull})

    @on("POST", "/api/validate-yaml", "validate-yaml")
    def validate_yaml(self):
        body = self.json_body()
        errors, warnings = check_card(str(body.get("content", "")), body.get("repoType", "model"))
        if "text/plain" in self.headers.get("Accept", ""):
            text = "\n".join([f"- Error: {e}" for e in errors] + [f"- Warning: {w}" for w in warnings])
            return self.reply(text, 400 if errors else 200, kind="text/plain")
        answer = {"errors": [{"message": e} for e in errors], "warnings": [{"message": w} for w in warnings]}
        self.reply(answer, 400 if errors else 200)

    # -- downloading
    @on("GET HEAD", PAGE + "/resolve/{rev}/{path*}", "resolve", "read")
    def resolve(self, repo, rev, path):
        sha, commit = repo.at(rev)
        entry = commit["files"].get(path)
        if entry is None:
            raise Err(404, "Entry not found", "EntryNotFound", headers={"X-Repo-Commit": sha})
        headers = {"X-Repo-Commit": sha, "ETag": f'"{entry["oid"]}"'}
        if "lfs" in entry:
            headers |= {
                "ETag": f'"{entry["lfs"]}"',
                "X-Linked-Etag": f'"{entry["lfs"]}"',
                "X-Linked-Size": str(entry["size"]),
            }
        self.stream(repo.content(entry), headers)

    def stream(self, path, headers):
        size = path.stat().st_size
        start, end, status = 0, size, 200
        if m := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end, status = int(m[1]), min(size, int(m[2] or size) + 1), 206
            if start >= size:
                raise Err(416, "Requested range not satisfiable", headers={"Content-Range": f"bytes */{size}"})
            headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
        with open(path, "rb") as f:
            f.seek(start)
            blocks = (f.read(min(BLOCK, end - at)) for at in range(start, end, BLOCK))
            headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
            self.send(headers, status, end - start, blocks)

    # -- for the test itself, not part of the Hub
    @on("GET DELETE", "/_log", "control")
    @on("GET POST DELETE", "/_faults", "control")
    def control(self):
        target = self.hub.log if self.path == "/_log" else self.hub.faults
        if self.command != "GET":
            target.clear()
            for spec in self.body().decode().split():
                self.hub.add_fault(spec)
        self.reply(target)


def serve(root, tokens=("hf_test",), port=0, part_size=0):
    """A server ready for serve_forever(); its address is server.url, and server.hub has the log and the faults."""
    hub = Hub(root, tokens, part_size)
    server = ThreadingHTTPServer(("127.0.0.1", port), type("BoundHandler", (Handler,), {"hub": hub}))
    server.daemon_threads, server.hub, server.url = True, hub, f"http://127.0.0.1:{server.server_port}"
    return server


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--root", required=True, help="folder of the repositories; kept from run to run")
    p.add_argument("--port", type=int, default=0, help="0 picks a free one")
    p.add_argument(
        "--token",
        action="append",
        metavar="TOKEN[:USER[:ROLE[:ORGS]]]",
        help="more than one may be given; default hf_test:tester:write",
    )
    p.add_argument("--fault", action="append", default=[], metavar="OP@N[xTIMES]=ACTION", help="see Hub.add_fault")
    p.add_argument(
        "--part-size", type=int, default=0, metavar="BYTES", help="LFS files above this go up in parts of this size"
    )
    a = p.parse_args()
    server = serve(a.root, a.token or ["hf_test"], a.port, a.part_size)
    for spec in a.fault:
        server.hub.add_fault(spec)
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
