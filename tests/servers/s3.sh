#!/usr/bin/env bash
# s3.sh - an S3-compatible HTTP server for tests, on 127.0.0.1 only.
#
#   s3.sh install          make its Python environment only (done by the others when missing; about 20 s)
#   s3.sh up   DIR PORT    start on http://127.0.0.1:PORT (again: no-op if it already answers)
#   s3.sh down DIR         stop it by its pid file
#   s3.sh run  DIR PORT    for tests: start in a new DIR, print "ready", and when standard input ends
#                          (so also when whoever started it is killed) stop and remove DIR
#
# Path-style addressing. Access key "breakglass", secret "breakglass-secret", region "us-east-1".
# HTTPS with a throwaway authority (DIR/ca.pem) on PORT+1. Objects live in memory.
# It is moto's S3 behind a real signature-v4 check; s3-server.py beside this file tells more, faults included.
set -euo pipefail

VENV=${BREAKGLASS_S3_VENV:-$HOME/.cache/breakglass-servers/s3-venv}
HERE=$(dirname "$(readlink -f "$0")")

die() { echo "s3.sh: $*" >&2; exit 1; }

install() {
  [ -f "$VENV/.complete" ] && return 0
  mkdir -p "$(dirname "$VENV")"
  exec 9>"$VENV.lock"; flock 9
  [ -f "$VENV/.complete" ] && { exec 9>&-; return 0; }   # a server must not inherit the lock
  echo "s3.sh: installing moto into $VENV" >&2
  rm -rf "$VENV"
  python3 -m venv "$VENV" || die "python3 with venv is needed (apt-get install python3-venv)"
  "$VENV/bin/pip" install -q 'moto[server,s3]==5.2.5' >&2
  touch "$VENV/.complete"
  exec 9>&-
}

alive() { [ -s "$1/s3.pid" ] && kill -0 "$(cat "$1/s3.pid")" 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /-/ready HTTP/1.0\r\n\r\n' >&3 && read -r line <&3 && [[ $line == *" 200 "* ]]) 2>/dev/null; }

up() {
  local dir port i; mkdir -p "$1"; dir=$(readlink -f "$1"); port=$2
  install
  if ! { alive "$dir" && answers "$port"; }; then
    setsid "$VENV/bin/python" "$HERE/s3-server.py" --port "$port" --dir "$dir" </dev/null >"$dir/s3.log" 2>&1 &
    echo $! >"$dir/s3.pid"
    for i in $(seq 1 300); do
      answers "$port" && break
      alive "$dir" || { tail -n 5 "$dir/s3.log" >&2; die "server exited"; }
      sleep 0.1
    done
    answers "$port" || die "no answer on port $port"
  fi
  echo "s3 up: http://127.0.0.1:$port  access key breakglass  secret breakglass-secret  region us-east-1  (path style)"
}

down() {
  local dir=$1 pid i
  alive "$dir" || { echo "s3 not running in $dir"; return 0; }
  pid=$(cat "$dir/s3.pid"); kill "$pid" 2>/dev/null || true
  for i in $(seq 1 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/s3.pid"; echo "s3 stopped"
}

run() {
  home=$1                               # not local: the trap runs later
  [ ! -e "$home" ] || die "$home exists"
  trap '' INT HUP                       # the terminal's Ctrl-C is for the tests; standard input then ends
  trap 'down "$home" >/dev/null; rm -rf "$home"' EXIT
  trap 'exit 143' TERM
  up "$home" "$2" >&2
  echo ready
  while read -r _; do :; done
}

case ${1:-} in
  install) install ;;
  up) [ $# -eq 3 ] || die "usage: s3.sh up DIR PORT"; up "$2" "$3" ;;
  down) [ $# -eq 2 ] || die "usage: s3.sh down DIR"; down "$2" ;;
  run) [ $# -eq 3 ] || die "usage: s3.sh run DIR PORT"; run "$2" "$3" ;;
  *) die "usage: s3.sh install | up DIR PORT | down DIR | run DIR PORT" ;;
esac
