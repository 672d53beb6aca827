"""
Reads the current context of a kubeconfig file.

It follows kubectl: U{https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/}. Unknown keys are ignored.
"""

from __future__ import annotations

import os
from urllib.parse import quote as percentEncoded
from urllib.parse import urlsplit

from tinylb.addresses import quote
from tinylb.files import Unreadable, contentOf, expecting
from tinylb.pem import PEM
from tinylb.providers.kubernetes.config import Cluster, Config, InvalidConfig, Plugin, User, checkToken
from tinylb.providers.kubernetes.document import InvalidDocument, Part
from tinylb.providers.kubernetes.yamldocument import parseDocument

LARGEST = 1 << 20
"""The most bytes of a file. Parsing so many takes a third of a second."""

API_VERSIONS = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1"))
_MODES = ("Never", "IfAvailable", "Always")
# Characters that a header's name may have (RFC 9110, section 5.6.2), besides those that quote() always keeps: letters,
# digits and "_.-~".
_IN_NAMES = "!#$&'*+^`|"


class KubeconfigFile:
    """A kubeconfig file that is read again and again."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)
        self._read: tuple[bytes, Config] | None = None

    def read(self) -> Config:
        """
        The configuration in the file now; the same object as long as that has not changed.

        @raise InvalidConfig: when it cannot be read or used.
        """
        try:
            content = contentOf(self._path)
            if len(content) > LARGEST:
                raise InvalidDocument(f"is larger than {LARGEST >> 20} MiB; a kubeconfig is expected")
            if self._read is None or self._read[0] != content:
                self._read = content, parseKubeconfig(content, self._path)
        except Unreadable as error:
            raise InvalidConfig(f"{self._path}: {expecting(error, 'a kubeconfig')}") from error
        except InvalidDocument as error:
            raise InvalidConfig(f"{self._path}: {error}") from None
        return self._read[1]


def parseKubeconfig(content: bytes, path: str) -> Config:
    """
    @param path: of the file: paths in it are relative to its folder, and later errors about its contents name it.
    @raise InvalidDocument: when it cannot be used.
    """
    document = parseDocument(content)
    name = document.line("current-context")
    if not name:
        raise InvalidDocument(f"current-context: is missing; expected: {_oneOf(document, 'contexts')}")
    context = _named(document, "contexts", "context", name, "current-context")
    return Config(
        _cluster(_referred(document, context, "cluster"), path),
        _user(_referred(document, context, "user"), path),
    )


def _referred(document: Part, context: Part, kind: str) -> Part:
    name = context.line(kind)
    if not name:
        raise InvalidDocument(f"{context.at(kind)}: is missing; expected: {_oneOf(document, f'{kind}s')}")
    return _named(document, f"{kind}s", kind, name, context.at(kind))


def _named(document: Part, plural: str, kind: str, name: str, where: str) -> Part:
    found = [each for each in document.parts(plural) if each.text("name") == name]
    if not found:
        expected = _oneOf(document, plural)
        raise InvalidDocument(f"{where}: there is no {kind} {quote(name)}; expected: {expected}")
    if len(found) > 1:
        raise InvalidDocument(f"{plural}: {quote(name)} stands there twice; each name may stand there once")
    return found[0].part(kind, f"{plural}[{name}]")


def _oneOf(document: Part, plural: str) -> str:
    names = [quote(each.text("name")) for each in document.parts(plural)]
    return f"one of {plural}, " + ", ".join(names) if names else f"one of {plural}, of which there are none"


def _cluster(part: Part, path: str) -> Cluster:
    if part.text("proxy-url"):
        raise InvalidDocument(
            f"{part.at('proxy-url')}: proxies are not supported; a server reached directly is expected"
        )
    ca = _pem(part, "certificate-authority", path)
    isVerifying = not part.flag("insecure-skip-tls-verify")
    if ca is not None and not isVerifying:
        raise InvalidDocument(
            f"{part.path}: has both a certificate-authority and insecure-skip-tls-verify; expected: one"
        )
    return Cluster(_server(part), ca, part.line("tls-server-name"), isVerifying, _pluginConfig(part))


def _server(part: Part) -> str:
    server = part.line("server")
    expected = f"{part.at('server')}: is {quote(server)}; expected: a URL such as https://192.0.2.1:6443"
    try:
        parsed = urlsplit(server)
        isGood = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0 and " " not in server
    except ValueError:
        isGood = False
    if not isGood or parsed.username is not None or parsed.query or parsed.fragment:
        raise InvalidDocument(expected)
    return f"{parsed.scheme}://{parsed.netloc}{parsed.path.rstrip('/')}"


def _pluginConfig(part: Part) -> str:
    """https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster"""
    for each in part.parts("extensions"):
        if each.text("name") == "client.authentication.k8s.io/exec":
            return each.json("extension")
    return ""


def _user(part: Part, path: str) -> User:
    if "auth-provider" in part:
        raise InvalidDocument(
            f"{part.at('auth-provider')}: kubectl has no such providers any more; an exec plugin is expected"
        )
    cert, key = _pem(part, "client-certificate", path), _pem(part, "client-key", path)
    if cert is not None and key is None:
        raise InvalidDocument(f"{part.path}: has a client-certificate without a client-key; expected: both")
    token, username, password = part.text("token"), part.text("username"), part.text("password")
    if token and (username or password):
        raise InvalidDocument(f"{part.path}: has both a token and a username or password; expected: one")
    if ":" in username:
        raise InvalidDocument(f"{part.at('username')}: has a colon, which cannot be told from the password's")
    if token:
        try:
            checkToken(token)
        except ValueError as error:
            raise InvalidDocument(f"{part.at('token')}: {error}") from None
    tokenFile = _resolved(part.line("tokenFile"), path)
    return User(
        token=token,
        tokenFile=tokenFile,
        tokenWhere=f"{path}: {part.at('tokenFile')} {tokenFile}",
        username=username,
        password=password,
        cert=cert,
        key=key if cert is not None else None,
        impersonation=_impersonation(part),
        plugin=_plugin(part.part("exec"), path) if "exec" in part else None,
    )


def _impersonation(part: Part) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation"""
    user, uid, groups = part.line("as"), part.line("as-uid"), part.lines("as-groups")
    extra = part.part("as-user-extra")
    given: dict[str, tuple[str, ...]] = {"Impersonate-User": (user,) if user else ()}
    given["Impersonate-Uid"] = (uid,) if uid else ()
    given["Impersonate-Group"] = groups
    for key in extra.names():
        given[f"Impersonate-Extra-{percentEncoded(key, safe=_IN_NAMES)}"] = extra.lines(key)
    headers = tuple((name, values) for name, values in given.items() if values)
    if headers and not user:
        raise InvalidDocument(f"{part.path}: has as-uid, as-groups or as-user-extra without as; expected: both")
    for name, values in headers:
        if not all(each.isprintable() for each in values):
            raise InvalidDocument(f"{part.path}: what stands for {name} has control characters; none are expected")
    return headers


def _plugin(part: Part, path: str) -> Plugin:
    command, version = part.line("command"), part.line("apiVersion")
    if not command:
        raise InvalidDocument(f"{part.at('command')}: is missing; a program is expected")
    if version not in API_VERSIONS:
        raise InvalidDocument(f"{part.at('apiVersion')}: is {quote(version)}; expected: {' or '.join(API_VERSIONS)}")
    mode = part.line("interactiveMode") or "IfAvailable"
    if mode not in _MODES:
        raise InvalidDocument(f"{part.at('interactiveMode')}: is {quote(mode)}; expected: {', '.join(_MODES)}")
    if mode == "Always":
        raise InvalidDocument(f"{part.at('interactiveMode')}: is Always, and there is no terminal; expected: Never")
    env = tuple((each.line("name"), each.text("value")) for each in part.parts("env"))
    if any(not name or "=" in name or "\0" in name + value for name, value in env):
        raise InvalidDocument(
            f"{part.at('env')}: has a variable that no process can have; a name and a value are expected"
        )
    args = part.lines("args")
    if "\0" in "".join(args):
        raise InvalidDocument(f"{part.at('args')}: has a NUL, which no argument can have")
    return Plugin(
        where=f"{path}: {part.path}",
        command=_resolved(command, path) if "/" in command else command,
        args=args,
        env=env,
        apiVersion=version,
        installHint=" ".join(part.text("installHint").split()),
        isTold=part.flag("provideClusterInfo"),
    )


def _pem(part: Part, key: str, path: str) -> PEM | None:
    """A certificate or key. Data in the kubeconfig itself goes before a file that it names."""
    if part.text(f"{key}-data"):
        return PEM(f"{path}: {part.at(key)}-data", text=part.data(f"{key}-data"))
    file = _resolved(part.line(key), path)
    return PEM(f"{path}: {part.at(key)} {file}", file) if file else None


def _resolved(file: str, path: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else ""
