import './style.css';
import {render} from 'preact';
import {App} from './app';
import {connect} from './live';
import {learnMe} from './me';

connect();
learnMe();
render(<App />, document.getElementById('app')!);
