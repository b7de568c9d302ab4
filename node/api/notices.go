package api

// NoticesMax is how many notices a device shows, the newest.
const NoticesMax = 10

// A NoticeKind says what happened.
type NoticeKind string

// What notices tell of a device that got a new key.
const (
	NoticeRenewed NoticeKind = "renewed" // its data was copied, or came back from an old copy
	NoticeCopied  NoticeKind = "copied"  // and it goes on more than once
)

// A Notice is something that happened in the camp and that people should know.
type Notice struct {
	Time   string     `json:"time"` // by the clock of the device that it is about
	Kind   NoticeKind `json:"kind"`
	Device string     `json:"device"` // its name
	ID     string     `json:"id"`     // that it has since
	Former string     `json:"former"` // that it had before
	Self   bool       `json:"self,omitempty"`
	Text   string     `json:"text"` // all of it in words, but for the time
}
