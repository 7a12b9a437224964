#!/bin/sh
# Runs TypeScript in the container `bun-sandbox`, and starts one where none runs, with the limits of docker-compose.yml.
#
# It needs docker, curl and awk. What a program prints comes as it is printed; its status is the script's.
set -eu

name=bun-sandbox
network=bun-sandbox-isolated
most_tries=150 # 0.1 s apart
docker_folder=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

usage() {
    cat <<END
Usage: run-sandbox.sh [--json] CODE    run CODE
       run-sandbox.sh [--json] -- CODE run CODE that begins with a dash
       run-sandbox.sh [--json] -f FILE run a file
       run-sandbox.sh [--json] -       run standard input
       run-sandbox.sh -d               start the container in the background
       run-sandbox.sh -s               stop and remove the container
       run-sandbox.sh -l               show the last 100 lines of its log
       run-sandbox.sh -r               restart it
       run-sandbox.sh -h               show this

--json prints the whole answer as one JSON object. BUN_SANDBOX_SECRET is the secret of the container, where it has one.
It, MAX_EXECUTION_TIME (ms), MAX_MEMORY, MAX_OUTPUT and BUN_SANDBOX_AUDIT are settings of a container that is started;
one that is there keeps its own.

Status: the program's own, where it exits; 0 when it ends well, 1 when it throws; 124: its time was up;
130: interrupted; 137: out of memory; 125: it did not run.
END
}

fail() {
    printf 'run-sandbox: %s\n' "$*" >&2
    exit 125
}

ask() {
    docker "$@" || fail "docker failed; above is what it says."
}

# running, exited, … and the ports; nothing where there is no such container.
state() {
    ask container ls --all --filter "name=^/$name\$" --format '{{.State}} {{.Ports}}'
}

has_network() {
    docker network inspect "$network" >/dev/null 2>&1
}

create() {
    if ! docker image inspect "$name" >/dev/null 2>&1; then
        echo "Building the image $name ..." >&2
        docker build --quiet ${BASE:+--build-arg BASE="$BASE"} -t "$name" "$docker_folder" >/dev/null ||
            fail "the image $name could not be built; where no hub is reachable, \`bun-sandbox image build\` makes it."
    fi
    # That of compose, which takes none without its label. Published ports, and no way out.
    has_network || said=$(docker network create \
        --label com.docker.compose.network=default \
        --opt com.docker.network.bridge.name=bun-sandbox \
        --opt com.docker.network.bridge.enable_ip_masquerade=false \
        --opt com.docker.network.bridge.enable_icc=false \
        "$network" 2>&1) || has_network || fail "the network $network could not be made: $said"
    said=$(docker create \
        --name "$name" \
        --hostname sandbox \
        --restart unless-stopped \
        --network "$network" \
        --dns 127.0.0.1 \
        --user 10002:10002 \
        --read-only \
        --cap-drop=ALL \
        --security-opt=no-new-privileges:true \
        --security-opt=seccomp="$docker_folder/seccomp-profile.json" \
        --ipc private \
        --memory 256m \
        --memory-swap 256m \
        --cpus 0.5 \
        --pids-limit 50 \
        --ulimit nproc=50 \
        --ulimit nofile=1024:2048 \
        --ulimit fsize=104857600 \
        --ulimit core=0 \
        --ulimit msgqueue=0 \
        --shm-size 8m \
        --tmpfs /tmp:size=64m,nr_inodes=4096,mode=1777,uid=10002,gid=10002,noexec,nosuid,nodev \
        --tmpfs /sandbox/code:size=32m,nr_inodes=4096,mode=0755,uid=10002,gid=10002,noexec,nosuid,nodev \
        --tmpfs /dev/shm:size=8m,nr_inodes=4096,mode=1777,uid=10002,gid=10002,noexec,nosuid,nodev \
        --log-driver json-file \
        --log-opt max-size=10m \
        --log-opt max-file=3 \
        --env NODE_ENV=production \
        --env MAX_EXECUTION_TIME="${MAX_EXECUTION_TIME:-5000}" \
        --env MAX_MEMORY="${MAX_MEMORY:-128m}" \
        --env MAX_OUTPUT \
        --env BUN_SANDBOX_SECRET \
        --env BUN_SANDBOX_AUDIT \
        --publish 127.0.0.1:9998:9998 \
        --publish 127.0.0.1:9999:9999 \
        "$name" 2>&1) || case $said in
    *"is already in use by"*) return 1 ;;
    *) fail "the container $name could not be made: $said" ;;
    esac
}

start() {
    was=$(state)
    case $was in running*) return ;; esac
    # Another start may be faster, and is waited for then.
    [ -n "$was" ] || create || return 0
    if ! said=$(docker start "$name" 2>&1); then
        [ -n "$was" ] || docker rm --force "$name" >/dev/null
        case $said in
        *"already allocated"* | *"already in use"*)
            fail "port 9998 or 9999 of 127.0.0.1 is taken; stop what has it (\`bun-sandbox doctor\` and \`lsof -i :9998 -i :9999\` tell)." ;;
        *) fail "the container $name did not start: $said" ;;
        esac
    fi
    echo "Started the container $name; \`$0 -s\` stops it." >&2
}

wait_until_ready() {
    tries=0
    until curl -q --noproxy '*' --fail --silent --max-time 2 --output /dev/null http://127.0.0.1:9999/health; do
        tries=$((tries + 1))
        was=$(state)
        case $was in
        '' | created* | running*'9999->'*) ;;
        running*) fail "the container $name publishes no port 9999 (compose.no-network.yml, a proxy); \`$0 -s\` removes it." ;;
        *) tries=$most_tries ;;
        esac
        if [ "$tries" -ge "$most_tries" ]; then
            docker logs --tail 20 "$name" >&2 || true
            fail "the container $name does not answer on 127.0.0.1:9999; above is the end of its log. It keeps the settings that it was made with: \`$0 -s\` removes it."
        fi
        sleep 0.1
    done
}

# Standard input → {"file": "…", "code": "…"}. RFC 8259, section 7: quotes, backslashes and control characters are escaped.
# No UTF-8 has the byte 255: a character NUL is refused like it, and not left to awk.
request() {
    LC_ALL=C tr '\000' '\377' | LC_ALL=C file="$file" awk '
        function escaped(text,   c) {
            gsub(/\\/, "\\\\&", text)
            gsub(/"/, "\\\\&", text)
            if (text ~ /[\001-\037]/) for (c in escape) gsub(c, escape[c], text)
            return text
        }
        BEGIN {
            for (i = 1; i < 32; i++) escape[sprintf("%c", i)] = sprintf("\\u%04x", i)
            printf "{\"file\":\"%s\",\"code\":\"", escaped(ENVIRON["file"])
        }
        { printf "%s\\n", escaped($0) }
        END { printf "\"}" }'
}

# Events, one JSON object a line (docs/http-api.md), or the one answer → what the program printed, and its status.
show() {
    # mawk waits for a whole buffer unless it is told not to.
    case $(awk -W version 2>&1 </dev/null) in mawk*) set -- -W interactive ;; esac
    LC_ALL=C file="$file" exec awk "$@" -v accept="$accept" '
        function write(text, name) {
            if (name == "stdout") printf "%s", text
            else printf "%s", text > "/dev/stderr"
        }
        # The text of a JSON string, piece by piece between its backslashes.
        function put(text, name,   piece, n, i, c) {
            n = split(text, piece, /\\/)
            write(piece[1], name)
            for (i = 2; i <= n; i++) {
                c = substr(piece[i], 1, 1)
                if (c == "u") write(character(substr(piece[i], 2, 4)) substr(piece[i], 6), name)
                else write((c in plain ? plain[c] : c) substr(piece[i], 2), name)
            }
        }
        # Four hexadecimal digits → UTF-8. Half a pair is no character, and the sandbox writes whole ones as they are.
        function character(digits,   code, i) {
            for (i = 1; i <= 4; i++) code = code * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
            if (code < 128) return sprintf("%c", code)
            if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
            if (code >= 55296 && code < 57344) code = 65533
            return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
        }
        function path(   i, joined) {
            for (i = 1; i <= depth; i++) joined = joined (i > 1 ? "/" : "") key[i]
            return joined
        }
        # One line → value["data/text/plain"], value["traceback/0"], …; texts stay escaped.
        function parse(line,   part, n, i, k, c, scalar) {
            gsub(/\\\\/, "\\u005c", line)
            gsub(/\\"/, "\\u0022", line)
            split("", value)
            depth = is_name = 0
            n = split(line, part, /"/)
            for (i = 1; i <= n; i++) {
                for (k = 1; k <= length(part[i]); k++) {
                    c = substr(part[i], k, 1)
                    if (c !~ /[][{},:]/) { scalar = scalar c; continue }
                    if (scalar != "") { value[path()] = scalar; scalar = "" }
                    if (c == "{") { is_list[++depth] = 0; is_name = 1 }
                    else if (c == "[") { is_list[++depth] = 1; key[depth] = is_name = 0 }
                    else if (c == ":") is_name = 0
                    else if (c != ",") depth--
                    else if (is_list[depth]) key[depth]++
                    else is_name = 1
                }
                if (++i > n) return
                if (is_name) key[depth] = part[i]
                else value[path()] = part[i]
            }
        }
        function finish() {
            has_ended = 1
            if (value["outcome"] == "crashed" && value["exit_code"] != "null") code = value["exit_code"]
            else {
                code = status[value["outcome"]]
                message = value["message"] limits[value["outcome"]]
            }
        }
        function refuse(why,   given) {
            has_ended = 1
            code = 125
            given = ENVIRON["file"] == "" ? "the code" : ENVIRON["file"]
            gsub(/\\/, "\\u005c", given)
            message = given " did not run: " (why in needs ? needs[why] : value["error/message"])
        }
        BEGIN {
            limits["timeout"] = "; MAX_EXECUTION_TIME of the container sets it"
            limits["memory"] = "; MAX_MEMORY and the memory of the container set it"
            needs["bad_request"] = "a program is UTF-8 without NUL characters, and so is the name of its file"
            needs["unauthorized"] = "the container has a secret, and BUN_SANDBOX_SECRET is not it"
            needs["too_large"] = "a program has at most 1 MiB, escaped as JSON"
            plain["n"] = "\n"; plain["t"] = "\t"; plain["r"] = "\r"; plain["b"] = "\b"; plain["f"] = "\f"
            status["ok"] = 0; status["error"] = status["crashed"] = 1
            status["timeout"] = 124; status["interrupted"] = 130; status["memory"] = 137
        }
        {
            if (accept == "application/json") print
            parse($0)
            type = value["type"]
            if (type == "stream") put(value["text"], value["name"])
            else if (type == "display") { put(value["data/text/plain"], "stdout"); print "" }
            else if (type == "error") for (i = 0; ("traceback/" i) in value; i++) put(value["traceback/" i] "\\n", "stderr")
            else if ("outcome" in value) finish()
            else if ("error/message" in value) refuse(value["error/code"])
            fflush()
        }
        END {
            if (!has_ended) { code = 1; message = "the sandbox ended in the middle of the program" }
            if (message != "" && accept != "application/json") put("run-sandbox: " message "\\n", "stderr")
            exit code
        }'
}

# A signal may come again meanwhile.
leave() {
    trap '' HUP INT QUIT TERM
    for job in $running; do kill "$job" 2>/dev/null || true; done
    rm -rf "$work"
}

# Runs its argument, or standard input. A shell waits for foreground jobs before it heeds a signal.
execute() {
    start
    wait_until_ready
    work=$(mktemp -d)
    running=
    trap leave EXIT
    # A shell that loops goes on after an exit, and stops where a signal ended the command.
    trap 'leave; trap - INT; kill -s INT "$$"' INT
    trap 'leave; exit 130' HUP QUIT TERM
    if [ $# -gt 0 ]; then
        printf '%s\n' "$1" >"$work/code"
    else
        # The standard input of background jobs is another; a byte more than it may have is enough to be refused.
        exec 3<&0
        head -c 1048577 <&3 >"$work/code" &
        running=$!
        wait "$running"
    fi
    request <"$work/code" >"$work/body"
    mkfifo "$work/answer"
    # The secret stays out of the arguments.
    secret=$(printf '%s' "${BUN_SANDBOX_SECRET-}" | sed 's/[\\"]/\\&/g')
    printf 'header = "Authorization: Bearer %s"\n' "$secret" |
        curl -q --noproxy '*' --silent --no-buffer --config - --data-binary "@$work/body" --header "Accept: $accept" \
            --header 'Content-Type: application/json' http://127.0.0.1:9998/execute >"$work/answer" &
    running=$!
    show <"$work/answer" &
    running="$running $!"
    wait "$!"
}

command -v docker >/dev/null || fail "there is no docker; install it (Debian and Ubuntu: apt-get install docker.io)."
command -v curl >/dev/null || fail "there is no curl; install it (Debian and Ubuntu: apt-get install curl)."
command -v awk >/dev/null || fail "there is no awk; install it (Debian and Ubuntu: apt-get install mawk)."

accept=application/x-ndjson
file=
if [ "${1-}" = --json ]; then
    accept=application/json
    shift
    case ${1-} in -[dslrh]*) fail "--json goes with code, and not with $1." ;; esac
fi
case ${1-} in -f | --) taken=2 ;; *) taken=1 ;; esac
if [ $# -gt "$taken" ]; then
    shift "$taken"
    fail "there is an argument too many: $1; quote all of the code as one, and put --json before it."
fi
case ${1-} in
-h | --help) usage ;;
-d)
    start
    wait_until_ready
    ;;
-s)
    was=$(state)
    if [ -n "$was" ]; then ask rm --force "$name" >/dev/null; else echo "There is no container $name." >&2; fi
    ;;
-l)
    was=$(state)
    [ -n "$was" ] || fail "there is no container $name; \`$0 -d\` starts one."
    ask logs --tail 100 "$name"
    ;;
-r)
    was=$(state)
    case $was in running*) ask restart -t 1 "$name" >/dev/null ;; *) start ;; esac
    wait_until_ready
    ;;
-f)
    file=${2-}
    [ -n "$file" ] || fail "there is no file after -f."
    [ "$file" != - ] || fail "for standard input give - without -f."
    [ ! -d "$file" ] || fail "$file is a folder; give a file after -f."
    [ -r "$file" ] || fail "the file $file cannot be read; give one after -f."
    execute <"$file"
    ;;
-)
    { true 3<&0; } 2>/dev/null || fail "standard input is closed; give code to it."
    execute
    ;;
--)
    [ $# -gt 1 ] || fail "there is no code after --."
    execute "$2"
    ;;
'')
    usage >&2
    exit 125
    ;;
-*) fail "unknown option $1; for code that begins with a dash use --, and -h for help." ;;
*) execute "$1" ;;
esac
