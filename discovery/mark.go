package discovery

// serviceName is what is asked for.
const serviceName = Service + ".local."

// instanceSuffix ends the names of all instances of the service.
const instanceSuffix = "." + serviceName

// lower folds a name as DNS does: letters of ASCII only.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// A mark is put into our questions, and tells the zone which of them are our own:
// multicast brings them back. DNS does not look at the case of letters, so the mark
// is which letters of the service's name are capitals.
type mark uint16

// put marks a name in lower case, a bit for each letter.
func (m mark) put(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			if m&1 != 0 {
				b[i] = c - 'a' + 'A'
			}
			m >>= 1
		}
	}
	return string(b)
}

// in tells whether a name that was asked for has the mark.
func (m mark) in(name string) bool { return m.put(lower(name)) == name }
