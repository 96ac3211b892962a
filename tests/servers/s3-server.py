#!/usr/bin/env python3
"""S3 server for tests: moto's S3 (in memory) behind a real check of AWS signature version 4.

moto gives the S3 semantics (multipart ETags "md5-N", ranges, ListObjectsV2 pages, error codes) but does
not check signatures; this front does: signed headers, clock skew, the body's hash and Content-MD5.
The session token "expired-token" has expired. Started by s3.sh.

Beside S3, without any signature:
    GET  /-/ready
    ANY  /-/raw/BUCKET/KEY...        straight to moto, past signatures and faults
    POST /-/bulk/BUCKET?prefix=P&count=N&size=S    N objects P00000...
    GET  /-/tls                      the port of the HTTPS front

Faults, for tests of a client's patience: each file DIR/faults.d/* holds lines
    METHOD PATH-PREFIX TIMES ACTION ARG...      e.g.   GET /bkt/backup 2 status 503
PATH-PREFIX is percent-encoded; with a $ at its end it is the whole path (/bkt$: listings). Of each file the first line that matches a request is used, TIMES times in
all (* = always). ACTION is
    status CODE [NAME]   answer with that HTTP status (NAME as error code)
    redirect REGION      301 PermanentRedirect that names the region
    cut BYTES            send only that many bytes of the body, then drop the connection
    stall BYTES          send that many bytes of the body, then nothing more
    hang 0               never answer
    delay SECONDS        wait, then answer as usual
    short BYTES          send and announce that many bytes fewer, the range header unchanged
    long BYTES           send and announce that many bytes more
    header NAME VALUE    replace or add a header of the answer (_ in VALUE is a space)
    unheader NAME        leave a header of the answer out
    ignore HEADER        act as if the request had no such header (If-Match, Range)
    untag 0              leave ETags out of a listing
    html 0               a web page instead of an answer
Every request is a JSON line in DIR/requests: method, path, query, range, if_match, agent, status.
"""
import argparse, base64, datetime, hashlib, hmac, io, json, os, re, ssl, sys, threading, time
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

ap = argparse.ArgumentParser()
ap.add_argument('--port', type=int, required=True)
ap.add_argument('--dir', required=True)
ap.add_argument('--access-key', default='breakglass')
ap.add_argument('--secret-key', default='breakglass-secret')
ap.add_argument('--region', default='us-east-1')
A = ap.parse_args()

os.environ.setdefault('AWS_ACCESS_KEY_ID', 'x')
os.environ.setdefault('AWS_SECRET_ACCESS_KEY', 'x')
from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server             # noqa: E402

MOTO = DomainDispatcherApplication(create_backend_app)
LOCK, USED = threading.Lock(), {}
FAULTS = os.path.join(A.dir, 'faults.d')
LOG = open(os.path.join(A.dir, 'requests'), 'a', buffering=1)


class Deny(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


def enc(s, safe='-_.~'):
    return quote(s, safe=safe)


def hm(key, msg):
    return hmac.new(key, msg.encode(), hashlib.sha256).digest()


def header(env, name):
    n = name.upper().replace('-', '_')
    return env.get(n) if n in ('CONTENT_TYPE', 'CONTENT_LENGTH') else env.get('HTTP_' + n)


def target(env):
    """path and query as they were sent; a proxy's client sends the whole URL"""
    raw = env.get('RAW_URI') or env.get('REQUEST_URI')
    path, _, query = re.sub(r'^https?://[^/]*', '', raw).partition('?')
    return path, query


def authenticate(env):
    path, query = target(env)
    pairs = [tuple(unquote(x) for x in (p.partition('=')[0], p.partition('=')[2])) for p in query.split('&') if p]
    m = re.match(r'AWS4-HMAC-SHA256\s+Credential=([^/,]+)/([^/,]+)/([^/,]+)/([^/,]+)/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)$',
                 env.get('HTTP_AUTHORIZATION') or '')
    if not m:
        raise Deny(403, 'AccessDenied', 'Access Denied')
    ak, day, region, service, signed, sig = m.groups()
    if header(env, 'x-amz-security-token') == 'expired-token':
        raise Deny(400, 'ExpiredToken', 'The provided token has expired.')
    amzdate = header(env, 'x-amz-date')
    try:
        when = datetime.datetime.strptime(amzdate, '%Y%m%dT%H%M%SZ').replace(tzinfo=datetime.timezone.utc)
    except (ValueError, TypeError):
        raise Deny(403, 'AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
    if abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()) > 900:
        raise Deny(403, 'RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.')
    payload = header(env, 'x-amz-content-sha256')
    if not payload:
        raise Deny(400, 'InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
    if ak != A.access_key:
        raise Deny(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
    if region != A.region:
        raise Deny(400, 'AuthorizationHeaderMalformed', f"The authorization header is malformed; the region '{region}' is wrong; expecting '{A.region}'")
    heads = signed.split(';')
    if 'host' not in heads:
        raise Deny(403, 'AccessDenied', 'There were headers present in the request which were not signed')
    canon = '\n'.join([env['REQUEST_METHOD'], enc(unquote(path), '/-_.~'),
                       '&'.join(sorted(f'{enc(k)}={enc(v)}' for k, v in pairs)),
                       ''.join(f'{h}:{" ".join((header(env, h) or "").split())}\n' for h in heads), signed, payload])
    scope = f'{day}/{region}/{service}/aws4_request'
    sts = '\n'.join(['AWS4-HMAC-SHA256', amzdate, scope, hashlib.sha256(canon.encode()).hexdigest()])
    key = hm(hm(hm(hm(('AWS4' + A.secret_key).encode(), day), region), service), 'aws4_request')
    if not hmac.compare_digest(hm(key, sts).hex(), sig):
        raise Deny(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided. Check your key and signing method.')
    return payload


def read_body(env):
    chunked = header(env, 'transfer-encoding') and not env.get('CONTENT_LENGTH')
    body = env['wsgi.input'].read() if chunked else env['wsgi.input'].read(int(env.get('CONTENT_LENGTH') or 0))
    env['wsgi.input'], env['CONTENT_LENGTH'] = io.BytesIO(body), str(len(body))
    return body


def check_body(env, payload, body):
    if re.fullmatch('[0-9a-f]{64}', payload) and hashlib.sha256(body).hexdigest() != payload:
        raise Deny(400, 'XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.")
    md5 = header(env, 'content-md5')
    if md5 and base64.b64encode(hashlib.md5(body).digest()).decode() != md5:
        raise Deny(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.')


def matches(path, prefix):
    return path.rstrip('/') == prefix[:-1] if prefix.endswith('$') else path.startswith(prefix)


def faults(env):
    """what each file has to say about this request"""
    found, path = [], unquote(target(env)[0])
    try:
        files = sorted(os.listdir(FAULTS))
    except OSError:
        return found
    for name in files:
        try:
            lines = open(os.path.join(FAULTS, name)).read().splitlines()
        except OSError:
            continue
        for i, line in enumerate(lines):
            f = line.split()
            if len(f) < 5 or f[0] != env['REQUEST_METHOD'] or not matches(path, unquote(f[1])):
                continue
            with LOCK:
                k = (name, i, line)
                if f[2] != '*' and USED.get(k, 0) >= int(f[2]):
                    continue
                USED[k] = USED.get(k, 0) + 1
            found.append(f[3:])
            break
    return found


def error(env, start, status, code, message, heads=()):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message><Resource>{escape(env["PATH_INFO"])}</Resource><RequestId>0000000000000000</RequestId></Error>'.encode()
    start(f'{status} {code}', [('Content-Type', 'application/xml'), ('Content-Length', str(len(body))), *heads])
    return [] if env['REQUEST_METHOD'] == 'HEAD' else [body]


# moto's routes cannot match a line break: inside, a private character stands for it
BREAK = '\ue00a'.encode()


def moto(env, start, fs=()):
    # moto asks for some authorization where an object exists; whether it is good was decided before
    env.setdefault('HTTP_AUTHORIZATION', f'AWS4-HMAC-SHA256 Credential={A.access_key}/20260101/{A.region}/s3/aws4_request, SignedHeaders=host, Signature=0')
    for name in ('PATH_INFO', 'RAW_URI', 'REQUEST_URI', 'QUERY_STRING'):
        env[name] = env.get(name, '').replace('\n', BREAK.decode('latin1')).replace('%0A', quote(BREAK))
    env['HTTP_HOST'] = f'127.0.0.1:{A.port}'          # path-style only
    for f in fs:
        if f[0] == 'ignore':
            env.pop('HTTP_' + f[1].upper().replace('-', '_'), None)
    kept = []
    body = b''.join(MOTO(env, lambda status, heads, exc=None: kept.extend((status, list(heads)))))
    body = body.replace(quote(BREAK).encode(), b'%0A')
    status, heads = kept[0], kept[1]
    cut, stall = None, None
    heads = [(k, str(len(body)) if k.lower() == 'content-length' and env['REQUEST_METHOD'] != 'HEAD' else v) for k, v in heads]
    for f in fs:
        drop = f[1].lower() if f[0] in ('header', 'unheader') else None
        heads = [(k, v) for k, v in heads if k.lower() != drop]
        if f[0] == 'header':
            heads.append((f[1], f[2].replace('_', ' ')))
        elif f[0] == 'short':
            body = body[:len(body) - int(f[1])]
        elif f[0] == 'long':
            body += b'x' * int(f[1])
        elif f[0] == 'untag':
            body = re.sub(rb'<ETag>.*?</ETag>', b'', body)
        elif f[0] == 'cut':
            cut = int(f[1])
        elif f[0] == 'stall':
            stall = int(f[1])
        if f[0] in ('short', 'long', 'untag'):
            heads = [(k, str(len(body)) if k.lower() == 'content-length' else v) for k, v in heads]
    start(status, heads)
    if cut is None and stall is None:
        return [body]

    def part():
        yield body[:cut if cut is not None else stall]
        if cut is None:
            time.sleep(120)
        raise ConnectionResetError('injected cut')   # fewer bytes than announced
    return part()


def bulk(env, start):
    bucket = env['PATH_INFO'][len('/-/bulk/'):]
    q = {k: v[0] for k, v in parse_qs(target(env)[1]).items()}
    for n in range(int(q['count'])):
        body = b'x' * int(q.get('size', '1'))
        one = dict(env, REQUEST_METHOD='PUT', PATH_INFO=f'/{bucket}/{q.get("prefix", "")}{n:05}', QUERY_STRING='',
                   CONTENT_LENGTH=str(len(body)))
        one['RAW_URI'] = one['REQUEST_URI'] = one['PATH_INFO']
        one['wsgi.input'] = io.BytesIO(body)
        b''.join(moto(one, lambda *_: None))
    start('200 OK', [('Content-Length', '0')])
    return []


def admin(env, start):
    path = env['PATH_INFO']
    if path.startswith('/-/raw/'):
        read_body(env)
        raw = (env.get('RAW_URI') or env.get('REQUEST_URI'))[len('/-/raw'):]
        env['RAW_URI'] = env['REQUEST_URI'] = raw
        env['PATH_INFO'] = path[len('/-/raw'):]
        return moto(env, start)
    if path.startswith('/-/bulk/'):
        return bulk(env, start)
    body = str(A.port + 1).encode() if path == '/-/tls' else b''
    start('200 OK', [('Content-Length', str(len(body)))])
    return [body]


def log(env, status):
    path, query = target(env)
    note = dict(method=env['REQUEST_METHOD'], path=unquote(path), query=query, range=header(env, 'range'),
                if_match=header(env, 'if-match'), agent=header(env, 'x-amz-user-agent'), status=status,
                proxied='//' in (env.get('RAW_URI') or '')[:9], tls=env['wsgi.url_scheme'] == 'https')
    LOG.write(json.dumps(note) + '\n')


def app(env, start):
    if env['PATH_INFO'].startswith('/-/'):
        return admin(env, start)

    def begin(status, heads, exc=None):
        log(env, int(status.split()[0]))
        return start(status, heads)
    try:
        payload = authenticate(env)
        check_body(env, payload, read_body(env))
    except Deny as d:
        return error(env, begin, d.status, d.code, d.message)
    fs = faults(env)
    for f in fs:
        if f[0] == 'status':
            name = f[2] if len(f) > 2 else {'503': 'SlowDown', '403': 'AccessDenied', '404': 'NoSuchKey'}.get(f[1], 'InternalError')
            return error(env, begin, int(f[1]), name, 'injected fault')
        if f[0] == 'redirect':
            return error(env, begin, 301, 'PermanentRedirect', 'injected redirect', [('x-amz-bucket-region', f[1])])
        if f[0] == 'html':
            page = b'<!doctype html><html><body><h1>Please log in</h1></body></html>'
            begin('200 OK', [('Content-Type', 'text/html'), ('Content-Length', str(len(page)))])
            return [page]
        if f[0] == 'hang':
            log(env, 0)
            time.sleep(120)
        if f[0] == 'delay':
            time.sleep(float(f[1]))
    return moto(env, begin, fs)


class Handler(WSGIRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_request(self, code='-', size='-'):
        pass


def certificate():
    """an authority and a certificate for 127.0.0.1 and localhost, valid for a day"""
    import ipaddress
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ('breakglass test authority', '127.0.0.1')]

    def cert(who, is_ca):
        b = (x509.CertificateBuilder().subject_name(names[who]).issuer_name(names[0]).public_key(keys[who].public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
             .not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(is_ca, None), True))
        if not is_ca:
            b = b.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName('localhost'), x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]), False)
        return b.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    open(os.path.join(A.dir, 'ca.pem'), 'wb').write(cert(0, True))
    pem = os.path.join(A.dir, 'server.pem')
    with open(os.open(pem, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as f:
        f.write(cert(1, False) + keys[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                       serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def serve(port, **more):
    make_server('127.0.0.1', port, app, threaded=True, request_handler=Handler, **more).serve_forever()


os.makedirs(FAULTS, exist_ok=True)
threading.Thread(target=serve, args=(A.port + 1,), kwargs=dict(ssl_context=certificate()), daemon=True).start()
print('listening', file=sys.stderr, flush=True)
serve(A.port)
