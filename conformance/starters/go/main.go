// How does the judge reach our scheduler? Requests on stdin, answers on stdout, one JSON object a line; log to stderr.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
)

type object = map[string]any

type request struct { // members that are not named here are ignored
	ID        json.RawMessage `json:"id"` // echoed as it came
	V         int             `json:"v"`
	Op        string          `json:"op"`
	RedisURL  string          `json:"redis_url"`
	Layout    json.RawMessage `json:"layout"`
	SessionID string          `json:"session_id"`
	Reason    string          `json:"reason"`
	SrcLang   string          `json:"src_lang"`
	TgtLang   string          `json:"tgt_lang"`
	RoomLangs []string        `json:"room_langs"` // nil: a solo session; empty: a room without other members
}

// An answer: "ok", or "error" with no_node, bad_request, unsupported, redis or internal, and a message.
func refused(code, message string) object {
	return object{"error": object{"code": code, "message": message, "supported": []int{1}}}
}

func hello(r request) object {
	if r.V != 1 {
		return refused("bad_request", "this adapter speaks version 1")
	}
	// Connect to r.RedisURL, and use the key names in r.Layout.
	return object{"ok": object{"name": "my-scheduler", "version": "0.1", "language": "go", "ops": []string{"finalize"}}}
}

func finalize(r request) object {
	langs := append([]string{r.SrcLang}, r.RoomLangs...)
	if len(r.RoomLangs) == 0 {
		langs = append(langs, r.TgtLang)
	}
	wrong := r.SessionID == "" || (r.Reason != "manual" && r.Reason != "timeout" && r.Reason != "max_duration")
	for _, tag := range langs {
		wrong = wrong || tag == "" || strings.Contains(tag, ":")
	}
	if wrong {
		return refused("bad_request", "a session, one of the three reasons, and language tags are needed") // TA-TURN-5
	}
	// Call your scheduler here. In the note's order:
	// 1. manual and timeout: clear the open turn (TA-CLEAR-1)
	// 2. settle the turn id, a UUID v4 (TA-TURN-1)
	// 3. create one job for each distinct language, each selected under that id (TA-TURN-2, TA-TURN-6)
	// 4. max_duration: write the affinity and current_turn_id (TA-WRITE-1); else clear once more (TA-CLEAR-4)
	// and answer {"ok": {"turn_id": "...", "jobs": [{"job_id": "...", "tgt_lang": "en", "node_id": "n1"}]}}
	return refused("unsupported", "finalize is not written yet")
}

func answer(r request) object {
	switch r.Op {
	case "hello":
		return hello(r)
	case "finalize":
		return finalize(r)
	case "bye":
		return object{"ok": object{}}
	}
	return refused("unsupported", fmt.Sprintf("there is no op %q", r.Op))
}

func main() {
	lines := bufio.NewReader(os.Stdin) // not a bufio.Scanner, which ends at 64 KiB: a line has up to 1 MiB
	for line, err := lines.ReadBytes('\n'); err == nil; line, err = lines.ReadBytes('\n') {
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			log.Fatalf("not a request: %v", err)
		}
		said := answer(r)
		said["id"] = r.ID
		if err := json.NewEncoder(os.Stdout).Encode(said); err != nil || r.Op == "bye" {
			return
		}
	}
}
