/** What `finbus --help` says around the list of commands; commander wraps the description. */

export const DESCRIPTION =
  'A request-reply message bus for financial services. Programs ask and answer by topic, through ' +
  'a broker; every call settles once, in time, and says whether its work was done.'

/** At most 80 columns: it is printed as it stands. */
export const AFTER_HELP = `
First request and reply, in three terminals:
  finbus start                                  a broker on ws://127.0.0.1:7400
  finbus reply demo.echo --echo                 answers with what it was sent
  finbus request demo.echo '{"hello":"world"}'  prints {"hello":"world"}

More:
  finbus request account.balance '{"account":"7"}' --timeout 800
  finbus request payments.transfer @pacs008.xml  a file; as bytes if not JSON
  echo '[1,2,3]' | finbus request list.sum -     the body from standard input
  finbus reply list.sum --command 'jq add'       a program: body in, reply out
  finbus topics                                  who answers what
  finbus queues --json | jq .queues              waiting and unanswered requests
  finbus start --brokers 2 --idc sz              two brokers, two processes
  finbus start --cluster demo --load 200         two IDCs, and calls to look at
  finbus drill idc-failover                      lose an IDC, see who notices

See it and steer it (a broker started here has a dashboard at its --admin
address, http://127.0.0.1:7480 unless told otherwise):
  finbus top                                     who is in trouble, and why
  finbus timeline --follow                       what happens
  finbus trace ID                                where one call went
  finbus isolate sh --reason 'fibre cut' --for 10m
  finbus force fx.quote --to open --reason 'bad rates'
  finbus drain sz-2 --reason 'new kernel'
  finbus resume sz-2 --reason 'done'             restore, release, --to auto too
Every action takes a --reason and stands in finbus audit. --for takes 500ms,
60s, 10m or 2h; what was said ends by itself then (60s unless told otherwise).

Exit codes:
  0    done
  1    the bus or the service said no; an error of a call says whether its
       work was done; a bound of a drill was missed; an action is not done
       (one that some gave no answer to is: they are listed)
  2    the command was wrong: unknown command or option, bad value, missing
       file
  130  Ctrl-C broke off a drill

Environment (an option beats it; it beats the file; that beats the default):
  FINBUS_URL         brokers, separated by commas (ws://127.0.0.1:7400)
  FINBUS_REGISTRY    registries that know the brokers, instead of FINBUS_URL
  FINBUS_ADMIN       the admin API: where a broker serves it, and where top and
                     the others find it (http://127.0.0.1:7480)
  FINBUS_IDC         the data centre you are in (local)
  FINBUS_TOKEN_FILE  file with the token, for brokers that ask for one;
                     or FINBUS_TOKEN, the token itself
  FINBUS_TLS_CA      authority that signed the broker's certificate, PEM
  FINBUS_CONFIG      JSON file with settings, such as
                     {"url": "ws://10.0.0.5:7400", "idc": "sz"}
  FINBUS_DEBUG=1     prints the stack of a defect
Other options that say where, who, how long or how much have such a name and
such a key, too: --tls-cert is FINBUS_TLS_CERT and "tlsCert". (--listen of a
registry is FINBUS_REGISTRY_LISTEN.) A name that is not known is refused, not
ignored.
`
