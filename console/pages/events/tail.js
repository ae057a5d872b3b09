// The list of facts. What is shown is text alone, at most so many rows, and still while somebody
// points at it, has a row open, or has paused it: what comes then waits and is counted.
const MOST = 200;

export default {
  template: `
    <div class="tail">
      <p class="controls" v-if="live">
        <button type="button" class="quiet" @click="isPaused = !isPaused" :aria-pressed="String(isPaused)">
          {{ isPaused ? texts.go : texts.pause }}
        </button>
        <span class="soft" role="status">{{ state }}</span>
      </p>
      <div class="scroll" tabindex="0" role="region" :aria-label="texts.label"
           @mouseenter="isHeld = true" @mouseleave="isHeld = false">
        <table v-if="rows.length">
          <thead><tr>
            <th scope="col">{{ texts.at }}</th><th scope="col">{{ texts.event }}</th>
            <th scope="col">{{ texts.to }}</th><th scope="col">{{ texts.said }}</th>
            <th scope="col">{{ texts.notification }}</th>
          </tr></thead>
          <tbody>
            <template v-for="row in rows" :key="row.seq">
              <tr :data-seq="row.seq">
                <td class="nowrap"><button type="button" class="quiet small" @click="toggle(row.seq)"
                  :aria-expanded="String(open === row.seq)" :aria-label="texts.open + ' ' + row.seq"
                  >{{ open === row.seq ? "−" : "+" }}</button>
                  <time :datetime="row.at" :title="row.at">{{ local(row.at) }}</time></td>
                <td><span :class="'badge ' + row.status">{{ row.channel }}.{{ row.type }}</span></td>
                <td>{{ row.to }}</td>
                <td>{{ row.said }}</td>
                <td class="id"><a :href="'/notifications/' + row.notification" :title="row.notification"
                  >…{{ row.notification.slice(-8) }}</a></td>
              </tr>
              <tr v-if="open === row.seq" class="whole"><td colspan="5"><dl>
                <template v-for="[name, value] in row.all" :key="name">
                  <dt>{{ name }}</dt><dd>{{ value }}</dd>
                </template>
              </dl></td></tr>
            </template>
          </tbody>
        </table>
        <p v-else class="empty">{{ texts.none }}</p>
      </div>
    </div>`,
  props: { texts: Object, first: Array, live: Boolean },
  data() {
    return { rows: [...this.first], waiting: [], count: 0, skipped: 0, open: null,
             isPaused: false, isHeld: false };
  },
  computed: {
    isStill() {
      return this.isPaused || this.isHeld || this.open !== null;
    },
    state() {
      const skipped = this.skipped ? ` ${this.texts.skipped.replace("#", this.skipped)}` : "";
      if (!this.isStill) return this.texts.live + skipped;
      return this.texts.waiting.replace("#", this.count) + skipped;
    },
  },
  watch: {
    isStill(isStill) {
      if (isStill) return;
      this.show(this.waiting);
      this.waiting = [];
      this.count = 0;
    },
  },
  methods: {
    // rows: the newest first; count: how many came, of which these are the last.
    push(rows, count) {
      this.skipped += count - rows.length;
      if (this.isStill) {
        this.waiting = [...rows, ...this.waiting].slice(0, MOST);
        this.count += count;
      } else {
        this.show(rows);
      }
    },
    show(rows) {
      this.rows = [...rows, ...this.rows].slice(0, MOST);
    },
    toggle(seq) {
      this.open = this.open === seq ? null : seq;
    },
    local(at) {
      const moment = new Date(at);
      const time = moment.toLocaleTimeString();
      return this.live ? time : `${moment.toLocaleDateString()} ${time}`;
    },
  },
};
