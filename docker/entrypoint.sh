#!/bin/sh
# The first argument is a role of the container, or a `soniquebay` command:
#   migrate    bring the catalogue and Dagster's storage to this version, set missing pool limits, end
#   code       serve the code location over gRPC (port 4000); runs start here
#   webserver  Dagster's UI (port 3000)
#   daemon     sensors, schedules, the queue of runs
#   worker     execute steps of the analysis that runs elsewhere have sent
#   metrics    figures for Prometheus (port 9464)
#   dagster …  (also python, celery, sh) that program; run launchers start their containers so
#   health     whether the role of this container answers
# PORT changes the port of a role.
set -eu

role_file="${TMPDIR:-/tmp}/soniquebay-role"
workspace="${DAGSTER_HOME:-/opt/dagster}/workspace.yaml"
role="${1:---help}"

answers() {
    python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)' "$1"
}

case "$role" in
code | webserver | daemon | worker | metrics)
    shift
    printf '%s' "$role" > "$role_file"
    ;;
esac

case "$role" in
migrate)
    shift
    # A server that has just been started, or is being restarted, gets two minutes.
    tries=0
    until soniquebay db migrate --with-dagster "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt "${MIGRATE_TRIES:-24}" ] || exit 1
        sleep 5
    done
    ;;
code) exec dagster api grpc --host 0.0.0.0 --port "${PORT:-4000}" --module-name soniquebay_pipeline.definitions "$@" ;;
webserver) exec dagster-webserver --host 0.0.0.0 --port "${PORT:-3000}" --workspace "$workspace" "$@" ;;
daemon) exec dagster-daemon run --workspace "$workspace" "$@" ;;
worker) exec soniquebay worker "$@" ;;
metrics) exec soniquebay metrics "$@" ;;
health)
    case "$(cat "$role_file" 2> /dev/null)" in
    code) exec dagster api grpc-health-check --port "${PORT:-4000}" ;;
    webserver) answers "http://127.0.0.1:${PORT:-3000}/server_info" ;;
    daemon) exec dagster-daemon liveness-check ;;
    metrics) answers "http://127.0.0.1:${PORT:-9464}/metrics" ;;
    worker)
        exec celery -A soniquebay_pipeline.defs.celery_app inspect ping --timeout 10 \
            --destination "soniquebay@$(hostname)"
        ;;
    *)
        echo "No role has been started in this container." >&2
        exit 1
        ;;
    esac
    ;;
dagster* | python* | celery | sh | bash) exec "$@" ;;
*) exec soniquebay "$@" ;;
esac
