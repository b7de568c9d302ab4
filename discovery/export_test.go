package discovery

import (
	"context"
	"fmt"

	"musafir/crdt"
)

// AskLibrary asks once by IPv6 with the library's client, and gives the devices whose
// notices a key opens.
func AskLibrary(ctx context.Context, on string, key []byte) (found []crdt.DeviceID, err error) {
	links, err := systemLinks()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if l.name != on {
			continue
		}
		answers, err := askLibrary(ctx, l, 1, false, true)
		h := newHearing([][]byte{key}, func(string) bool { return false })
		for _, a := range answers {
			for _, o := range h.take(a) {
				found = append(found, o.notice.Device)
			}
		}
		return found, err
	}
	return nil, fmt.Errorf("no interface %s", on)
}
