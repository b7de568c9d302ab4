package discovery

import (
	"context"
	"io"
	"log"
	"time"

	"github.com/hashicorp/mdns"
)

// libraryWindow is short, because the library's client keeps all that anybody sends
// until its wait is over: a hostile device filled 170 MB a second.
const libraryWindow = 300 * time.Millisecond

// silent is where the library says what it has to say: it logs the packets of
// strangers.
var silent = log.New(io.Discard, "", 0)

// askLibrary asks with the library's client, and gives what it found when the wait is
// over. Its query does not end before, whatever happens to ctx; then it is left
// alone.
func askLibrary(ctx context.Context, l link, m mark, four, six bool) ([]answer, error) {
	marked := m.put(serviceName)
	entries := make(chan *mdns.ServiceEntry, maxAnswers) // it drops what does not fit
	done := make(chan error, 1)
	go func() {
		done <- mdns.QueryContext(ctx, &mdns.QueryParam{
			Service: marked[:len(Service)], Domain: marked[len(Service)+1:], Timeout: libraryWindow,
			Interface: l.system(), Entries: entries, DisableIPv4: !four, DisableIPv6: !six, Logger: silent,
		})
	}()
	select {
	case err := <-done:
		return drain(entries), err
	case <-ctx.Done():
		return nil, nil
	}
}

func drain(entries chan *mdns.ServiceEntry) []answer {
	found := make([]answer, 0, len(entries))
	for range len(entries) {
		found = append(found, fromLibrary(<-entries))
	}
	return found
}
