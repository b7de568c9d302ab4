package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"musafir/crdt"
)

// namesMax is how many of a kind are named; the others are counted.
const namesMax = 8

// listed is "a", "a and b", "a, b and c".
func listed(names []string) string {
	if more := len(names) - namesMax; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesMax], ", "), more)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// verb is the first word for one, the second for several.
func verb(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// counted is "1 day", "2 days".
func counted(n int, what string) string { return fmt.Sprintf("%d %s%s", n, what, verb(n, "", "s")) }

// called is what people call a device; one without a name has the end of its id.
func called(name string, id crdt.DeviceID) string {
	if name != "" {
		return `"` + name + `"`
	}
	return "..." + string(id[max(0, len(id)-6):])
}

func addressList(addrs []netip.Addr) string {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return listed(texts)
}

// ago is how long before now something was, in words.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.unit; n > 0 {
			return counted(int(n), u.name) + " ago"
		}
	}
	return "just now"
}

// ended is a text from elsewhere as the end of a sentence.
func ended(s string) string { return strings.TrimRight(strings.TrimSpace(s), ".") + "." }
